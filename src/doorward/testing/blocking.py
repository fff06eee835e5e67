"""A server under test for tests without async: it runs in a thread of its own."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal

from doorward.client.mcp.client import Tool, ToolResult
from doorward.guard import AuditEvent, Guard
from doorward.net.client_authentication import ClientCredential
from doorward.testing.in_process.provider import USERS, LocalProvider
from doorward.testing.in_process.server import ServerUnderTest, UserClient
from doorward.testing.personas.connection import Call, Connected
from doorward.testing.personas.persona import Persona, persona
from doorward.wire.asgi import ASGIApp


@dataclass(frozen=True)
class RunningUser:
    """A user with an access token, who calls a running server: a ``UserClient`` without async."""

    user: UserClient
    portal: BlockingPortal

    @property
    def token(self) -> str:
        """The access token."""
        return self.user.token

    def list_tools(self) -> tuple[Tool, ...]:
        """Return the tools that the server shows to this user. Raises: ClientRefused."""
        return self.portal.call(self.user.list_tools)

    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> ToolResult:
        """Return the result of a tool. Raises: ClientRefused."""
        return self.portal.call(partial(self.user.call_tool, name, arguments))

    def request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Return the response of another path of the server, such as a route of FastAPI."""
        return self.portal.call(partial(self.user.request, method, path, **content))


@dataclass(frozen=True)
class RunningServer:
    """A ``ServerUnderTest`` without async."""

    server: ServerUnderTest
    portal: BlockingPortal

    @property
    def url(self) -> str:
        """The URL of the MCP endpoint."""
        return self.server.url

    @property
    def decisions(self) -> list[AuditEvent]:
        """What the guard decided, with the reason of each refusal; empty without a provider."""
        return [] if self.server.provider is None else self.server.provider.decisions

    def as_user(
        self, name: str, *, scopes: Collection[str] = (), roles: Collection[str] = (), **claims: Any
    ) -> RunningUser:
        """Return a client of ``name``, with a token for ``scopes`` from the provider."""
        user = self.server.as_user(name, scopes=scopes, roles=roles, **claims)
        return RunningUser(user, self.portal)

    def with_token(self, token: str) -> RunningUser:
        """Return a client that sends ``token``, whatever it is."""
        return RunningUser(self.server.with_token(token), self.portal)

    def answer_to(self, token: str | None) -> httpx2.Response:
        """Return the response to a list of tools with ``token``, or without a token."""
        return self.portal.call(self.server.answer_to, token)

    def bad_token(self, name: str) -> str:
        """Return the bad token called ``name``, from the provider that the server trusts."""
        return self.server.bad_token(name)

    def connect(
        self,
        client: Persona | str,
        user: str = "alice",
        *,
        call: Call | None = None,
        arranged: ClientCredential | None = None,
    ) -> Connected:
        """
        Connect as ``client`` does, a persona or its name, and sign ``user`` in.

        Raises:
            PersonaFailed: an ``AssertionError`` that names the hop.
            KeyError: no persona has this name.
        """
        found = persona(client) if isinstance(client, str) else client
        return self.portal.call(
            partial(found.connect, self.server, user, call=call, arranged=arranged)
        )


@contextmanager
def run_server(
    app: ASGIApp,
    guard: Guard | None = None,
    *,
    users: Collection[str] | Mapping[str, Collection[str]] = USERS,
    **options: Any,
) -> Iterator[RunningServer]:
    """
    Yield ``app``, running in this process, with a local provider in place of the one of ``guard``.

    ```python
    @pytest.fixture(scope="module")
    def running() -> Iterator[RunningServer]:
        with run_server(app, guard) as running:
            yield running

    def test_alice_adds(running: RunningServer) -> None:
        alice: RunningUser = running.as_user("alice", scopes={"mcp:read"})
        assert alice.call_tool("add", {"a": 2, "b": 3}).text == "5"
    ```

    ``users`` are those of ``LocalProvider``, ``options`` those of ``ServerUnderTest``.
    """
    provider = None if guard is None else LocalProvider(guard, users)
    under_test = ServerUnderTest(app, provider, **options)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(under_test) as server,
    ):
        yield RunningServer(server, portal)
