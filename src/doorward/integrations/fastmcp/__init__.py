"""
FastMCP servers behind a guard: ``mcp = FastMCP("orders", auth=GuardAuth(guard))``.

Needs FastMCP, which whoever has such a server has: the extra ``doorward[fastmcp]``.
"""

from doorward.integrations.fastmcp.protect import (
    CurrentUser,
    GuardAuth,
    OptionalUser,
    current_user,
    protect,
    requires,
)

__all__ = ["CurrentUser", "GuardAuth", "OptionalUser", "current_user", "protect", "requires"]
