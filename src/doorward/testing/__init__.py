"""
Tools for your own tests: a token mint, bad tokens by name, assertions about permissions, and MCP
clients that connect to your server as Claude Code, VS Code and others do.

```python
from doorward.testing import BAD_TOKENS, TokenMint

mint = TokenMint(issuer="https://issuer.example", audience="https://mcp.example/mcp")
headers = {"Authorization": f"Bearer {mint.mint('alice', scopes={'mcp:read'})}"}
```

Everything is imported on first use: a test that mints tokens loads no authorization server.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doorward.jose.algorithm_names import SigningAlgorithm
    from doorward.jose.private_key import PrivateKey
    from doorward.net.client_authentication import ClientCredential
    from doorward.testing.bad_tokens import BAD_TOKENS, BadToken, bad_token
    from doorward.testing.blocking import RunningServer, RunningUser, run_server
    from doorward.testing.in_process.documents import ClientDocuments
    from doorward.testing.in_process.provider import LocalProvider
    from doorward.testing.in_process.server import ServerUnderTest, UserClient
    from doorward.testing.mint import ABSENT, TokenMint
    from doorward.testing.permissions import assert_permissions_unchanged
    from doorward.testing.personas.connection import Connected
    from doorward.testing.personas.hops import Exchange, HopResult, PersonaFailed
    from doorward.testing.personas.persona import PERSONAS, Persona, persona
    from doorward.testing.personas.target import ServerAt

__all__ = [
    "ABSENT",
    "BAD_TOKENS",
    "PERSONAS",
    "BadToken",
    "ClientCredential",
    "ClientDocuments",
    "Connected",
    "Exchange",
    "HopResult",
    "LocalProvider",
    "Persona",
    "PersonaFailed",
    "PrivateKey",
    "RunningServer",
    "RunningUser",
    "ServerAt",
    "ServerUnderTest",
    "SigningAlgorithm",
    "TokenMint",
    "UserClient",
    "assert_permissions_unchanged",
    "bad_token",
    "persona",
    "run_server",
]

_WHERE = {
    "SigningAlgorithm": "jose.algorithm_names",
    "PrivateKey": "jose.private_key",
    "ClientCredential": "net.client_authentication",
    "BAD_TOKENS": "testing.bad_tokens",
    "BadToken": "testing.bad_tokens",
    "bad_token": "testing.bad_tokens",
    "RunningServer": "testing.blocking",
    "RunningUser": "testing.blocking",
    "run_server": "testing.blocking",
    "ClientDocuments": "testing.in_process.documents",
    "LocalProvider": "testing.in_process.provider",
    "ServerUnderTest": "testing.in_process.server",
    "UserClient": "testing.in_process.server",
    "ABSENT": "testing.mint",
    "TokenMint": "testing.mint",
    "assert_permissions_unchanged": "testing.permissions",
    "Exchange": "testing.personas.hops",
    "HopResult": "testing.personas.hops",
    "PersonaFailed": "testing.personas.hops",
    "PERSONAS": "testing.personas.persona",
    "Connected": "testing.personas.connection",
    "Persona": "testing.personas.persona",
    "persona": "testing.personas.persona",
    "ServerAt": "testing.personas.target",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"doorward.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'doorward.testing' has no attribute {name!r}")
