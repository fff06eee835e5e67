"""A server under test in this process, and the users who call it."""

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2

from doorward.client.mcp.client import McpClient, Tool, ToolResult
from doorward.config.service.parts import Lifespan
from doorward.testing.bad_tokens import bad_token
from doorward.testing.in_process.network import InProcessNetwork, Site
from doorward.testing.in_process.provider import LocalProvider
from doorward.testing.mint import TokenMint
from doorward.wire.address import origin_of, require_resource
from doorward.wire.asgi import ASGIApp


class _Bearer(httpx2.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True)
class UserClient:
    """A user with an access token, who calls a server under test."""

    transport: httpx2.AsyncBaseTransport = field(repr=False)
    url: str
    token: str = field(repr=False)

    async def list_tools(self) -> tuple[Tool, ...]:
        """Return the tools that the server shows to this user. Raises: ClientRefused."""
        async with self._client() as client:
            return await client.list_tools()

    async def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> ToolResult:
        """
        Return the result of a tool.

        Raises:
            InsufficientScope: the server asks for more scopes.
            ClientRefused: the server refused the call; the class says how.
        """
        async with self._client() as client:
            return await client.call_tool(name, arguments or {})

    async def request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Return the response of another path of the server, such as a route of FastAPI."""
        async with httpx2.AsyncClient(
            transport=self.transport, base_url=origin_of(self.url), auth=_Bearer(self.token)
        ) as http:
            return await http.request(method, path, **content)

    def _client(self) -> McpClient:
        return McpClient(self.url, auth=_Bearer(self.token), transport=self.transport)


class ServerUnderTest:
    """
    An ASGI application that a test runs in its own process, with its lifespan.

    ```python
    async with ServerUnderTest(app, LocalProvider(guard)) as running:
        alice: UserClient = running.as_user("alice", scopes={"mcp:read"})
        assert [tool.name for tool in await alice.list_tools()] == ["add"]
    ```

    ``provider`` signs people in. Without one, give ``url``, the URL of the MCP endpoint, and
    ``passwords`` of the users whom the application knows. ``others`` are applications at other
    origins, such as an authorization server of your own.
    """

    def __init__(
        self,
        app: ASGIApp,
        provider: LocalProvider | None = None,
        *,
        url: str | None = None,
        passwords: Mapping[str, str] | None = None,
        others: Mapping[str, ASGIApp] | None = None,
    ) -> None:
        given = url or (provider.resource if provider is not None else "")
        self.url = require_resource(given)
        self.provider = provider
        self._app, self._passwords = app, dict(passwords or {})
        self._others = dict(others or {})
        self._lifespan = Lifespan(app)
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._opened = AsyncExitStack()

    @property
    def transport(self) -> httpx2.AsyncBaseTransport:
        """The transport with which a client reaches the server and its issuer."""
        assert self._transport is not None, "enter the server first: async with server"
        return self._transport

    def password(self, username: str) -> str:
        """
        Return the password with which a user signs in.

        Raises:
            KeyError: nobody has this name; the message lists all names.
        """
        if username in self._passwords:
            return self._passwords[username]
        if self.provider is None:
            known = ", ".join(self._passwords) or "nobody: give passwords"
            raise KeyError(f"{username!r} cannot sign in; known are {known}")
        return self.provider.password(username)

    def as_user(
        self, name: str, *, scopes: Collection[str] = (), roles: Collection[str] = (), **claims: Any
    ) -> UserClient:
        """
        Return a client of ``name``, with a token for ``scopes`` from the provider.

        ``claims`` replace claims of the token, as for ``TokenMint.mint``.
        """
        return self.with_token(self._mint().mint(name, scopes=scopes, roles=roles, **claims))

    def with_token(self, token: str) -> UserClient:
        """Return a client that sends ``token``, whatever it is."""
        return UserClient(self.transport, self.url, token)

    def bad_token(self, name: str) -> str:
        """
        Return the bad token called ``name``, from the provider that the server trusts.

        Raises:
            KeyError: no bad token has this name; the message lists all names.
        """
        return bad_token(name, self._mint())

    async def answer_to(self, token: str | None) -> httpx2.Response:
        """Return the response to a list of tools with ``token``, or without a token."""
        headers = {"Accept": "application/json, text/event-stream"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        async with httpx2.AsyncClient(transport=self.transport) as http:
            return await http.post(self.url, json=message, headers=headers)

    def _mint(self) -> TokenMint:
        if self.provider is None:
            raise TypeError("as_user needs a provider: ServerUnderTest(app, LocalProvider(guard))")
        return self.provider.mint

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            # Before the application starts: it would fetch the keys of the provider that is replaced.
            if self.provider is not None:
                await opened.enter_async_context(self.provider)
            await self._lifespan.start()
            opened.push_async_callback(self._lifespan.stop)
            sites = [Site(origin, app, _everything) for origin, app in self._others.items()]
            if self.provider is not None:
                await self.provider.start()
                sites.insert(0, self.provider.site)
            sites.append(Site(origin_of(self.url), self._app, _everything))
            self._transport = InProcessNetwork(tuple(sites))
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._opened.aclose()


def _everything(_path: str) -> bool:
    return True
