"""Opens a client for one MCP server: transport, sign-in, token store and session."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from doorward.client.auth import OAuth
from doorward.client.http.http_client import HttpClient, no_cookies
from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.client.mcp.client import McpClient
from doorward.client.mcp.elicitation import Elicit, Mode
from doorward.client.oauth.token_store import TokenStore
from doorward.client.oauth.tokens import Tokens
from doorward.client.sign_in.device_authorization import DeviceSignIn
from doorward.client.sign_in.flow import SignIn
from doorward.client.storage.open_store import open_store
from doorward.client.workload.service import ServiceSignIn


@dataclass(frozen=True, kw_only=True)
class Connection:
    """
    An open connection: ``token_store`` has the tokens, ``client`` sends the requests.

    ```python
    async def sign_in_first(connection: Connection) -> None:
        tokens = await connection.log_in(frozenset({"mcp:read"}))
        print("no sign-in needed" if tokens is None else sorted(tokens.scopes))
    ```
    """

    server_url: str
    token_store: TokenStore
    sign_in: SignIn
    client: McpClient

    async def log_in(self, wanted: frozenset[str] | None = None) -> Tokens | None:
        """
        Sign the user in; return the tokens, or ``None`` if the server requires no sign-in.

        Raises:
            ClientRefused: discovery, registration or authorization failed; the class says which.
        """
        challenge = await self.client.challenge()
        if challenge is None:
            return None
        return await self.sign_in.sign_in(self.server_url, challenge, wanted=wanted)


@asynccontextmanager
async def open_connection(
    server_url: str,
    *,
    token_store: TokenStore | None = None,
    interactive: bool = True,
    transport: httpx2.AsyncBaseTransport | None = None,
    initialize: bool = False,
    elicit: Elicit | None = None,
    modes: tuple[Mode, ...] = ("form",),
    **sign_in: Any,
) -> AsyncIterator[Connection]:
    """
    Yield a connection to ``server_url``.

    ```python
    async with open_connection("https://mcp.example/mcp", interactive=False) as connection:
        tools = await connection.client.list_tools()
    ```

    ``initialize``, ``elicit`` and ``modes`` are those of ``McpClient``, ``sign_in`` the options of ``SignIn``;
    with ``grant`` among them those of ``ServiceSignIn``, with ``show`` those of ``DeviceSignIn``.

    Raises:
        DiscoveryFailed: ``server_url`` is not https, or not a valid URL.
    """
    token_store = token_store or TokenStore(open_store())
    async with _open_sign_in(server_url, token_store, transport, sign_in) as (flow, shared):
        auth = OAuth(server_url, flow, interactive=interactive)
        async with McpClient(
            server_url,
            auth=auth,
            transport=shared,
            initialize=initialize,
            elicit=elicit,
            modes=modes,
        ) as client:
            yield Connection(
                server_url=server_url, token_store=token_store, sign_in=flow, client=client
            )


@asynccontextmanager
async def open_authorized(
    server_url: str,
    *,
    token_store: TokenStore | None = None,
    interactive: bool = True,
    transport: httpx2.AsyncBaseTransport | None = None,
    **sign_in: Any,
) -> AsyncIterator[httpx2.AsyncClient]:
    """
    Yield an HTTP client that adds the token to requests to ``server_url``.

    The options are those of ``open_connection``.

    Raises:
        DiscoveryFailed: ``server_url`` is not https, or not a valid URL.
    """
    token_store = token_store or TokenStore(open_store())
    async with _open_sign_in(server_url, token_store, transport, sign_in) as (flow, shared):
        auth = OAuth(server_url, flow, interactive=interactive)
        # An event stream may be idle for any time.
        timeout = httpx2.Timeout(30.0, read=None)
        async with httpx2.AsyncClient(
            auth=auth, transport=shared, trust_env=False, timeout=timeout, cookies=no_cookies()
        ) as http:
            yield http


@asynccontextmanager
async def _open_sign_in(
    server_url: str,
    token_store: TokenStore,
    transport: httpx2.AsyncBaseTransport | None,
    options: Mapping[str, Any],
) -> AsyncIterator[tuple[SignIn, httpx2.AsyncBaseTransport]]:
    url_policy = UrlPolicy(server_url)
    # One transport for both, so that both apply one URL policy.
    shared = transport or PinnedTransport(url_policy)
    http_client = HttpClient(url_policy, shared)
    try:
        yield (
            _sign_in_class(options)(token_store=token_store, http_client=http_client, **options),
            shared,
        )
    finally:
        await http_client.aclose()


def _sign_in_class(options: Mapping[str, Any]) -> type[SignIn]:
    if "grant" in options:
        return ServiceSignIn
    return DeviceSignIn if "show" in options else SignIn


@asynccontextmanager
async def connect(server_url: str, **options: Any) -> AsyncIterator[McpClient]:
    """
    Yield an MCP client for ``server_url`` that signs the user in if the server requires it.

    ```python
    async with connect("https://mcp.example/mcp") as client:
        result = await client.call_tool("add", {"a": 2, "b": 3})
    ```

    ``options`` are those of ``open_connection``.

    Raises:
        ClientRefused: a request or the sign-in failed; the class says which.
    """
    async with open_connection(server_url, **options) as connection:
        yield connection.client
