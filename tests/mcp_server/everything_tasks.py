"""Tools of the conformance suite that become tasks."""

import asyncio

from doorward.mcp_server import Context, Elicit, InternalFailure, McpServer, ToolError
from tests.mcp_server.everything_round_trips import Name

CONFIRM = {
    "type": "object",
    "properties": {"confirm": {"type": "boolean"}},
    "required": ["confirm"],
}


def add_tasks(server: McpServer) -> None:
    """Offer the tools."""

    @server.tool()
    async def greet(name: str) -> str:
        """Greet at once."""
        return f"Hello, {name}!"

    @server.tool(task="optional")
    async def slow_compute(seconds: float, label: str = "") -> str:
        """Take that long."""
        await asyncio.sleep(seconds)
        return f"{label} took {seconds} seconds"

    @server.tool(task="required")
    async def failing_job() -> str:
        """Fail as a tool does."""
        await asyncio.sleep(0.1)
        raise ToolError("It always fails.")

    @server.tool(task="optional")
    async def protocol_error_job() -> str:
        """Fail as a protocol does."""
        raise InternalFailure("It always breaks.")

    @server.tool(task="optional")
    async def confirm_delete(filename: str, ctx: Context) -> str:
        """Ask while it is a task."""
        answer = await ctx.elicit(f"Delete {filename}?", CONFIRM, key="confirm")
        return f"{filename}: {answer.action}"

    @server.tool(task="optional")
    async def multi_input(ctx: Context) -> str:
        """Ask for two things at once."""
        answers = await ctx.ask(first=Elicit("Who?", Name), second=Elicit("Who else?", Name))
        return str(answers)

    @server.tool(task="deferred")
    async def test_tool_with_task(ctx: Context) -> str:
        """Ask first, and become a task then."""
        answer = await ctx.elicit("What is your name?", Name, key="user_name")
        await ctx.become_task()
        await asyncio.sleep(0.05)
        return f"Hello, {answer.content.name}!" if answer.content else "Hello!"
