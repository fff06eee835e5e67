"""
An MCP client with OAuth sign-in: discovery, registration, authorization, refresh, calls.

```python
async with connect("https://mcp.example/mcp") as client:
    result = await client.call_tool("add", {"a": 2, "b": 3})
```
"""

from doorward.client.auth import OAuth
from doorward.client.connection import Connection, connect, open_connection
from doorward.client.mcp.client import McpClient, Tool, ToolResult
from doorward.client.mcp.elicitation import Elicit
from doorward.client.mcp.elicitation_url import ElicitationUrl, read_elicitation_url
from doorward.client.oauth.authorization import (
    AuthorizationRequest,
    validate_authorization_response,
)
from doorward.client.oauth.discovery import BearerChallenge, DiscoveredIssuer, discover
from doorward.client.oauth.registration import ClientConfig
from doorward.client.oauth.token_store import TokenStore
from doorward.client.oauth.tokens import Tokens
from doorward.client.refusals import (
    CallFailed,
    ClientRefused,
    DiscoveryFailed,
    InsufficientScope,
    ProtocolBroken,
    ServerRefused,
    SignInFailed,
    SignInNeeded,
    Unreachable,
)
from doorward.client.sign_in.device_authorization import DeviceCode, DeviceSignIn
from doorward.client.sign_in.flow import SignIn
from doorward.client.storage.file_store import FileStore
from doorward.client.storage.keyring_store import KeyringStore
from doorward.client.storage.open_store import open_store
from doorward.client.storage.passphrase_store import PassphraseStore
from doorward.client.storage.store import Store
from doorward.client.workload.service import (
    ClientCredentials,
    EnterpriseManaged,
    ServiceGrant,
    ServiceSignIn,
    WorkloadIdentity,
)
from doorward.jose.private_key import PrivateKey

__all__ = [
    "AuthorizationRequest",
    "BearerChallenge",
    "CallFailed",
    "ClientConfig",
    "ClientCredentials",
    "ClientRefused",
    "Connection",
    "DeviceCode",
    "DeviceSignIn",
    "DiscoveredIssuer",
    "DiscoveryFailed",
    "Elicit",
    "ElicitationUrl",
    "EnterpriseManaged",
    "FileStore",
    "InsufficientScope",
    "KeyringStore",
    "McpClient",
    "OAuth",
    "PassphraseStore",
    "PrivateKey",
    "ProtocolBroken",
    "ServerRefused",
    "ServiceGrant",
    "ServiceSignIn",
    "SignIn",
    "SignInFailed",
    "SignInNeeded",
    "Store",
    "TokenStore",
    "Tokens",
    "Tool",
    "ToolResult",
    "Unreachable",
    "WorkloadIdentity",
    "connect",
    "discover",
    "open_connection",
    "open_store",
    "read_elicitation_url",
    "validate_authorization_response",
]
