"""
An authorization server inside the process of a guarded MCP server, from one line.

Not for several processes that start apart, and not for several MCP servers: those have an
authorization server of their own.
"""

from doorward.embedded.authorization_server import EmbeddedAuthorizationServer
from doorward.embedded.guard import GuardWithSignIn, OwnUsers

__all__ = ["EmbeddedAuthorizationServer", "GuardWithSignIn", "OwnUsers"]
