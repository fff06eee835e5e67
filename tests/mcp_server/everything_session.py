"""Tools of the conformance suite that report, log, and ask the client over a session."""

import asyncio
from typing import Any

from doorward.mcp_server import Context, Elicited, McpServer

DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
    "required": [],
}


def _options(keyword: str, title: str) -> dict[str, Any]:
    return {keyword: [{"const": f"value{n}", "title": f"{title} {n}"} for n in (1, 2, 3)]}


_THREE = ["option1", "option2", "option3"]
ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _THREE},
        "titledSingle": {"type": "string", **_options("oneOf", "Option")},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _THREE}},
        "titledMulti": {"type": "array", "items": _options("anyOf", "Choice")},
    },
    "required": [],
}
PERSON = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "required": ["username", "email"],
}


def add_session_tools(server: McpServer) -> None:
    """Offer the tools."""
    _reporting(server)

    @server.tool()
    async def test_sampling(prompt: str, ctx: Context) -> str:
        """Ask the client's model."""
        answer = await ctx.sample(prompt, max_tokens=100)
        return f"LLM response: {answer.text}"

    @server.tool()
    async def test_elicitation(message: str, ctx: Context) -> str:
        """Ask the user."""
        return _told("User response", await ctx.elicit(message, PERSON))

    @server.tool()
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        """Ask the user, with defaults."""
        return _told("Elicitation completed", await ctx.elicit("Who?", DEFAULTS))

    @server.tool()
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        """Ask the user to choose."""
        return _told("Elicitation completed", await ctx.elicit("Which?", ENUMS))

    @server.tool()
    async def test_reconnection(ctx: Context) -> str:
        """Let the client hang up and come back."""
        await ctx.close_stream()
        await asyncio.sleep(0.1)
        return "Reconnected."


def _reporting(server: McpServer) -> None:
    @server.tool()
    async def test_tool_with_logging(ctx: Context) -> str:
        """Log while running."""
        await ctx.log("info", "Tool execution started")
        await asyncio.sleep(0.05)
        await ctx.log("info", "Tool processing data")
        await asyncio.sleep(0.05)
        await ctx.log("info", "Tool execution completed")
        return "Logged."

    @server.tool()
    async def test_logging_tool(ctx: Context) -> str:
        """Log once."""
        await ctx.log("error", "Logged.")
        return "Logged."

    @server.tool()
    async def test_tool_with_progress(ctx: Context) -> str:
        """Report while running."""
        for progress in (0, 50, 100):
            await ctx.report_progress(progress, 100)
            await asyncio.sleep(0.05)
        return "Done."


def _told(what: str, answer: Elicited[Any]) -> str:
    return f"{what}: action={answer.action}, content={answer.content}"
