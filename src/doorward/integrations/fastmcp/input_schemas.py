"""Looks up a tool's input schema without listing every tool, the slowest part of a FastMCP call."""

from collections.abc import Callable, Mapping
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.low_level import LowLevelServer
from fastmcp.server.middleware.dereference import DereferenceRefsMiddleware, _dereference_tool
from fastmcp.tools.base import Tool
from fastmcp.utilities.versions import version_sort_key

from doorward.integrations.fastmcp.components import unmodified_components

_CACHE_SIZE = 4096


class InputSchemas:
    """
    The schemas by which the SDK checks ``Mcp-Param-*`` headers.

    With FastMCP, the SDK lists all tools for each call to find the called one. If no provider or
    transform changes the list, ``select_lookup`` makes the SDK look up the tool directly.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Custom Headers from Tool Parameters
    """

    def __init__(self, server: FastMCP[Any]) -> None:
        self._server = server
        self._core = server._mcp_server
        own = self._core.get_tool_input_schema
        self._own = own if own is not None and _is_author_hook(own) else None
        self._known: dict[int, tuple[Tool, Mapping[str, Any]]] = {}

    def select_lookup(self) -> None:
        """Choose for the next request: look up the tool, or list all tools."""
        self._core.get_tool_input_schema = self._own or (self._find if self._is_plain() else None)

    def _is_plain(self) -> bool:
        return unmodified_components(self._server) is not None and all(
            type(one) is DereferenceRefsMiddleware for one in self._server.middleware
        )

    def _find(self, name: str) -> Mapping[str, Any] | None:
        held: Mapping[str, Any] = self._server._local_provider._components
        tool = held.get(f"{Tool.make_key(name)}@")
        if tool is None:
            versions = [one for one in held.values() if isinstance(one, Tool) and one.name == name]
            # A list names the highest of several versions.
            tool = max(versions, key=version_sort_key, default=None)
        return None if tool is None else self._shown(tool)

    def _shown(self, tool: Tool) -> Mapping[str, Any]:
        known = self._known.get(id(tool))
        if known is None or known[0] is not tool:
            shown = _dereference_tool(tool) if self._server.middleware else tool
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            known = self._known[id(tool)] = (tool, shown.parameters)
        return known[1]


def _is_author_hook(hook: Callable[[str], Mapping[str, Any] | None]) -> bool:
    # FastMCP's own hook knows no mounted or transformed tool before the tools were listed. The SDK
    # serves a call without a known schema, so a false header would pass until then.
    made_by = getattr(hook, "__module__", None)
    return made_by not in (LowLevelServer.__module__, InputSchemas.__module__)
