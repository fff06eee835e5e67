"""Starts the command of a stdio server once, and compares its tools with the policy."""

from typing import Any

from doorward.config.checks.findings import Finding, failed, ok, warning
from doorward.config.checks.tools import compared, tools_in
from doorward.gateway.stdio.capabilities import offered
from doorward.gateway.stdio.child_session import ChildSession
from doorward.gateway.stdio.refusals import StdioServerRefusal
from doorward.gateway.stdio.settings import StdioCommand
from doorward.policy import Policy

_MOST_PAGES = 100


async def check_command(setting: str, command: StdioCommand, policy: Policy) -> Finding:
    """Return whether the command starts, is an MCP server, and has the tools that rules name."""
    try:
        session = await _open(command)
    except StdioServerRefusal as error:
        return failed(
            setting,
            f"The command cannot be used: {error.detail}",
            "Run it in a terminal: it must wait for messages on stdin, and print nothing else.",
        )
    try:
        if "tools" not in offered(session.initialized):
            return ok(setting, f"{command.name} is an MCP server without tools.")
        names = {one["name"] for one in await _tools(session, command.limits.start)}
    except (StdioServerRefusal, TimeoutError) as error:
        return failed(
            setting,
            f"The command does not list its tools: {str(error) or 'no answer in time'}.",
            "Read what it writes to stderr.",
        )
    finally:
        await session.close()
    if session.stray_lines:
        return warning(
            setting,
            f"The command prints text on stdout: {session.stray_lines[0]!r}.",
            "Let it write to stderr: stdout is for messages, and other clients fail on text.",
        )
    said = f"{command.name} starts, and has {len(names)} tools."
    return compared(setting, policy, names) or ok(setting, said)


async def list_tools(command: StdioCommand) -> list[dict[str, Any]]:
    """
    Return the tools of a command.

    Raises:
        StdioServerRefusal: the command cannot be used.
        TimeoutError: it does not answer.
    """
    session = await _open(command)
    try:
        return await _tools(session, command.limits.start)
    finally:
        await session.close()


async def _open(command: StdioCommand) -> ChildSession:
    return await ChildSession.open(
        command,
        log=lambda _id, _text: None,
        user={},
        declared={},
        notified=lambda _method, _params: None,
    )


async def _tools(session: ChildSession, seconds: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        event = await session.ask("tools/list", params, seconds)
        found += tools_in(event.value)
        cursor = event.value.get("nextCursor")
        if not isinstance(cursor, str):
            break
        params = {"cursor": cursor}
    return found
