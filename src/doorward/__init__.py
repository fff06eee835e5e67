"""OAuth 2.1 in front of MCP servers.

The names most people need. Each is brought in when it is first used, so that the command line
answers ``--help`` without loading a web framework and a database.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doorward.authserver import Allow, AuthorizationServer
    from doorward.embedded import GuardWithSignIn
    from doorward.errors import ConfigurationError, DoorwardError, RequestRefused
    from doorward.guard import Guard
    from doorward.identity import Identity, current_identity
    from doorward.mcp_server import Context, McpServer, ToolError
    from doorward.policy import Policy, Rule
    from doorward.tokens import TrustedIssuer

__version__ = "0.2.0"

__all__ = [
    "Allow",
    "AuthorizationServer",
    "ConfigurationError",
    "Context",
    "DoorwardError",
    "Guard",
    "GuardWithSignIn",
    "Identity",
    "McpServer",
    "Policy",
    "RequestRefused",
    "Rule",
    "ToolError",
    "TrustedIssuer",
    "current_identity",
]

_ROOMS = {
    "Allow": "authserver",
    "AuthorizationServer": "authserver",
    "ConfigurationError": "errors",
    "Context": "mcp_server",
    "DoorwardError": "errors",
    "Guard": "guard",
    "GuardWithSignIn": "embedded",
    "Identity": "identity",
    "McpServer": "mcp_server",
    "Policy": "policy",
    "RequestRefused": "errors",
    "Rule": "policy",
    "ToolError": "mcp_server",
    "TrustedIssuer": "tokens",
    "current_identity": "identity",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(importlib.import_module(f"doorward.{_ROOMS[name]}"), name)
    raise AttributeError(f"module 'doorward' has no attribute {name!r}")
