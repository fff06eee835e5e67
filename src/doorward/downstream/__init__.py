"""
Tokens for the next server on behalf of the caller; the caller's own token is never passed on.

```python
guard = Guard(
    resource="https://mcp.example/mcp",
    issuer="https://login.example",
    policy=Policy(base=Rule(scopes={"mcp:read"})),
    downstream={
        "orders": TokenExchange(
            issuer="https://login.example",
            client_id="mcp-server",
            client_secret=os.environ["CLIENT_SECRET"],
            audience="orders-api",
        )
    },
)


@server.tool(scopes={"orders:read"})
async def my_orders(user: Identity) -> str:
    \"\"\"List the orders of the caller.\"\"\"
    token = await user.token_for("orders", scopes={"orders:read"})
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        return (await http.get("https://orders.example/orders")).text
```
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doorward.downstream.certificate import CertifiedKey
    from doorward.downstream.grants import (
        ClientCredentials,
        DownstreamGrant,
        OnBehalfOf,
        TokenExchange,
    )
    from doorward.downstream.provider_token import ProviderToken
    from doorward.downstream.refusals import (
        AccountNotConnected,
        AnswerRefused,
        DownstreamProblem,
        DownstreamRefused,
        DownstreamUnavailable,
        GrantRefused,
        NoSubjectToken,
        NotGranted,
        SameToken,
        ServerNotKnown,
        SignInNeeded,
        TokenForUs,
    )
    from doorward.downstream.token import DownstreamToken
    from doorward.downstream.tokens import DownstreamTokens

__all__ = [
    "AccountNotConnected",
    "AnswerRefused",
    "CertifiedKey",
    "ClientCredentials",
    "DownstreamGrant",
    "DownstreamProblem",
    "DownstreamRefused",
    "DownstreamToken",
    "DownstreamTokens",
    "DownstreamUnavailable",
    "GrantRefused",
    "NoSubjectToken",
    "NotGranted",
    "OnBehalfOf",
    "ProviderToken",
    "SameToken",
    "ServerNotKnown",
    "SignInNeeded",
    "TokenExchange",
    "TokenForUs",
]

# Imported at first use: code that only names an error needs no cryptography and sockets.
_PARTS = {
    "AccountNotConnected": "refusals",
    "AnswerRefused": "refusals",
    "DownstreamGrant": "grants",
    "CertifiedKey": "certificate",
    "ClientCredentials": "grants",
    "DownstreamTokens": "tokens",
    "DownstreamProblem": "refusals",
    "DownstreamRefused": "refusals",
    "DownstreamToken": "token",
    "DownstreamUnavailable": "refusals",
    "GrantRefused": "refusals",
    "NoSubjectToken": "refusals",
    "NotGranted": "refusals",
    "OnBehalfOf": "grants",
    "ProviderToken": "provider_token",
    "SameToken": "refusals",
    "ServerNotKnown": "refusals",
    "SignInNeeded": "refusals",
    "TokenExchange": "grants",
    "TokenForUs": "refusals",
}


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return getattr(importlib.import_module(f"doorward.downstream.{_PARTS[name]}"), name)
    raise AttributeError(f"module 'doorward.downstream' has no attribute {name!r}")
