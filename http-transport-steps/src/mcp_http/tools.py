"""The tools and prompts of the tutorial's server, as step 3 defines and step 4 runs them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from doorward import Context, Identity, McpServer, ToolError

__all__ = [
    "NOTES",
    "PROMPTS",
    "TOOLS",
    "echo",
    "get_time",
    "greet_user",
    "list_users",
    "offer",
    "whoami",
]


async def echo(message: str) -> str:
    """Say the message back."""
    return message


async def get_time(timezone: str = "UTC") -> str:
    """Tell the time in a time zone, as ISO 8601."""
    try:
        return datetime.now(ZoneInfo(timezone)).isoformat(timespec="seconds")
    except (KeyError, ValueError, OSError):
        raise ToolError(f"There is no time zone {timezone!r}. Try Europe/Berlin.") from None


async def countdown(start: Annotated[int, Field(ge=1, le=100)], ctx: Context) -> str:
    """Count down to the start, and report how far it is."""
    for done in range(1, start + 1):
        await ctx.report_progress(done, start, f"{start - done} to go")
    return "Lift-off."


async def greeting(name: str) -> str:
    """Greet somebody by name."""
    return f"Please greet {name} warmly, in one sentence."


async def explain() -> str:
    """Explain what this server can do."""
    return "Explain in plain words what the tools echo, get_time and countdown do."


async def list_users() -> list[str]:
    """List everybody who keeps notes here. Administrators only."""
    return sorted(NOTES)


async def whoami(user: Identity) -> dict[str, Any]:
    """Say who is calling, as the token says it."""
    return {"id": user.subject, "scopes": sorted(user.scopes), "roles": sorted(user.roles)}


async def greet_user(user: Identity, name: str | None = None) -> str:
    """Greet somebody by name; you, if no name is given."""
    return f"Please greet {name or user.name or user.subject} warmly, in one sentence."


TOOLS: dict[str, Callable[..., Any]] = {"echo": echo, "get_time": get_time, "countdown": countdown}
PROMPTS: dict[str, Callable[..., Any]] = {"greeting": greeting, "help": explain}


def offer(server: McpServer) -> None:
    """Have `server` offer every tool and prompt that anybody may use."""
    for name, tool in TOOLS.items():
        server.tool(name=name)(tool)
    for name, prompt in PROMPTS.items():
        server.prompt(name=name)(prompt)


# What step 8 gives to whoever claims to be somebody, and step 9 to that person alone.
NOTES = {
    "alice": "Buy milk.",
    "bob": "Call Alice.",
    "admin": "The safe opens with 31-7-12.",
}
