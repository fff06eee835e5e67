"""
Get a token as an MCP client, and use it: discover, register, authorize, refresh, call.

```python
async with connect("https://mcp.example/mcp") as client:
    result = await client.call_tool("add", {"a": 2, "b": 3})
```
"""

from doorward.client.authorization import Attempt, judge
from doorward.client.connection import Connection, connect, open_connection
from doorward.client.device import DeviceCode, DeviceSignIn
from doorward.client.discovery import BearerChallenge, Found, discover
from doorward.client.elicitation import Elicit
from doorward.client.jws import PrivateKey
from doorward.client.mcp import McpClient, Tool, ToolResult
from doorward.client.oauth import OAuth
from doorward.client.page import Page, page_in
from doorward.client.passphrase import PassphraseStore
from doorward.client.refusals import (
    CallFailed,
    ClientRefused,
    DiscoveryFailed,
    ProtocolBroken,
    ScopeLacking,
    ServerRefused,
    SignInFailed,
    SignInNeeded,
    Unreachable,
)
from doorward.client.registration import ClientChoice
from doorward.client.sealed import SealedStore
from doorward.client.service import (
    ClientCredentials,
    EnterpriseManaged,
    Grant,
    ServiceSignIn,
    WorkloadIdentity,
)
from doorward.client.sign_in import SignIn
from doorward.client.store import FileStore, Store, open_store
from doorward.client.tokens import Tokens
from doorward.client.wallet import Wallet

__all__ = [
    "Attempt",
    "BearerChallenge",
    "CallFailed",
    "ClientChoice",
    "ClientCredentials",
    "ClientRefused",
    "Connection",
    "DeviceCode",
    "DeviceSignIn",
    "DiscoveryFailed",
    "Elicit",
    "EnterpriseManaged",
    "FileStore",
    "Found",
    "Grant",
    "McpClient",
    "OAuth",
    "Page",
    "PassphraseStore",
    "PrivateKey",
    "ProtocolBroken",
    "ScopeLacking",
    "SealedStore",
    "ServerRefused",
    "ServiceSignIn",
    "SignIn",
    "SignInFailed",
    "SignInNeeded",
    "Store",
    "Tokens",
    "Tool",
    "ToolResult",
    "Unreachable",
    "Wallet",
    "WorkloadIdentity",
    "connect",
    "discover",
    "judge",
    "open_connection",
    "open_store",
    "page_in",
]
