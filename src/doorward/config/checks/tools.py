"""Compares the tools of an MCP server with the rules of its policy."""

from collections.abc import Collection, Mapping
from typing import Any

from doorward.config.checks.findings import Finding, warning
from doorward.policy import EVERY, Policy


def tools_in(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tools in one result of ``tools/list``."""
    tools = result.get("tools")
    return [
        one
        for one in (tools if isinstance(tools, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    ]


def compared(setting: str, policy: Policy, names: Collection[str]) -> Finding | None:
    """Return a warning if a rule names a tool that is not among ``names``."""
    ruled = {name for method, name in policy.rules if method == "tools/call" and name != EVERY}
    if unknown := sorted(ruled - set(names)):
        return warning(
            setting,
            f"A rule names the tool {unknown[0]!r}, which the server does not have.",
            f"Its tools are: {', '.join(sorted(names)) or 'none'}.",
        )
    return None
