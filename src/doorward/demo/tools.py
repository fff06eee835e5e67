"""The MCP server of the demo, as a user of the toolkit would write it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from doorward import __version__
from doorward.guard import AuditEvent
from doorward.identity import Identity
from doorward.mcp_server import McpServer, ToolError


class AuditLine(BaseModel):
    """One decision of the guard, as the admin tool shows it."""

    time: str = Field(description="When it was decided, in UTC")
    who: str = Field(description="The caller's subject, or - if unknown")
    what: str = Field(description="The method, and the tool or prompt")
    decision: str = Field(description="served or refused")
    reason: str = Field(description="The reason code")


def build_server(audit_events: Sequence[AuditEvent], clock: Callable[[], float]) -> McpServer:
    """
    Return the demo's server: four tools, one of them for administrators, and two prompts.

    ``audit_events`` holds the guard's decisions, the newest last.
    """
    server = McpServer(
        "doorward-demo",
        version=__version__,
        instructions="A small server that shows who may do what. Try add, then audit_log.",
    )

    @server.tool(scopes={"mcp:tools"})
    async def echo(message: Annotated[str, Field(description="Text to return")]) -> str:
        """Say the message back."""
        return message

    @server.tool(scopes={"mcp:tools"})
    async def get_time(
        timezone: Annotated[str, Field(description="An IANA name such as Europe/Berlin")] = "UTC",
    ) -> str:
        """Tell the time in a time zone, as ISO 8601."""
        try:
            zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise ToolError(
                f"There is no time zone {timezone!r}. Give an IANA name such as Europe/Berlin."
            ) from None
        return datetime.fromtimestamp(clock(), zone).isoformat(timespec="seconds")

    @server.tool(scopes={"mcp:tools"})
    async def add(a: float, b: float) -> float:
        """Add two numbers."""
        return a + b

    @server.tool(scopes={"mcp:tools", "mcp:admin"}, roles={"admin"})
    async def audit_log(
        last: Annotated[int, Field(ge=1, le=100, description="Number of decisions")] = 20,
    ) -> list[AuditLine]:
        """Show the last decisions of the guard: who requested what, and whether it was served."""
        return [_line(event) for event in islice(reversed(audit_events), last)]

    @server.prompt(scopes={"mcp:prompts"})
    async def greeting(
        user: Identity,
        name: Annotated[str | None, Field(description="Name to greet; default: you")] = None,
    ) -> str:
        """Greet somebody by name."""
        return f"Please greet {name or user.name or user.subject} warmly and in one sentence."

    @server.prompt(scopes={"mcp:prompts"})
    async def help() -> str:  # noqa: A001  the prompt's name is part of the demo's contract
        """Explain what this server can do."""
        return (
            "Explain in plain words what this server can do: echo repeats a message, get_time tells "
            "the time in a time zone, add adds two numbers, and audit_log shows administrators who "
            "asked for what."
        )

    return server


def _line(event: AuditEvent) -> AuditLine:
    what = " ".join(part for part in (event.method, event.name) if part) or "-"
    return AuditLine(
        time=datetime.fromtimestamp(event.time, UTC).isoformat(timespec="seconds"),
        who=event.subject or "-",
        what=what,
        decision=event.decision,
        reason=event.reason,
    )
