"""MCP servers that speak stdio only, behind an HTTP endpoint. Not here: what callers may do."""

from doorward.gateway.stdio.server import StdioLogLine, StdioServer
from doorward.gateway.stdio.settings import StdioCommand, StdioLimits

__all__ = ["StdioCommand", "StdioLimits", "StdioLogLine", "StdioServer"]
