"""
Servers of the official SDK behind a guard: ``app = protect(server, guard)``.

Needs the SDK, which whoever has such a server has: the extra ``doorward[mcp]``.
"""

from doorward.integrations.mcp_sdk.protect import (
    CurrentUser,
    OptionalUser,
    current_user,
    protect,
    requires,
)

__all__ = ["CurrentUser", "OptionalUser", "current_user", "protect", "requires"]
