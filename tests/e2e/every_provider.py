"""One MCP server whose people sign in at any provider: all of them are simulated on one port."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from doorward import Allow, GuardWithSignIn, McpServer, Policy, Rule
from doorward.authserver import IdentityProvider
from doorward.identity import Identity
from doorward.net import FetchFailed, FetchResponse
from tests.authserver.upstream.openid_provider import CLIENT_SECRET, answered
from tests.e2e.client_documents import client_document, make_certificates
from tests.e2e.guarded import READ
from tests.e2e.journey import Errand
from tests.e2e.processes import free_port
from tests.idp.listening import Application, listening
from tests.simulators.facts import SimulatedProvider
from tests.simulators.simulator import Simulator
from tests.simulators.web import PASSWORD, FetcherOfTheInternet, SimulatedInternet

DOCUMENTS = "https://clients.example/"
# Longer than a provider's word counts, and than an access token lives.
AN_HOUR = 3700.0


class ClientDocumentsOfTheInternet:
    """The documents of clients whose ids are URLs."""

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        """Return the document at ``url``."""
        if not url.startswith(DOCUMENTS):
            raise FetchFailed(f"nothing at {url}")
        return answered(client_document(url, url.removeprefix(DOCUMENTS)))


class EveryProvider:
    """
    The server, and the simulators at which it signs people in.

    ``callers`` are the identities that its tools have seen. Whoever calls ``an_hour_passes`` lets the
    clock of everybody but the client go on by an hour, so that the next request needs a refresh.
    """

    def __init__(self, facts: list[SimulatedProvider], folder: Path) -> None:
        self.late = 0.0
        self.callers: list[Identity] = []
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.mcp = f"{self.issuer}/mcp"
        self.internet = ""
        self.secrets: set[str] = {CLIENT_SECRET, PASSWORD}
        self.simulators = {one.name: Simulator(self.clock, facts=one) for one in facts}
        for name, one in self.simulators.items():
            one.redirect_uris = frozenset({f"{self.issuer}/callback/{name}"})
            # Two of them can share a host.
            one.client_id = f"doorward-at-{name}"
        self._folder = folder

    def clock(self) -> float:
        """Return the time at the server and at the providers."""
        return time.time() + self.late

    def password(self, _username: str) -> str:
        """Return what everybody types at every provider."""
        return PASSWORD

    def errand(self, provider: str, **changes: Any) -> Errand:
        """Return what a driver has to do at one provider."""
        settings: dict[str, Any] = {
            "server": self.mcp,
            "username": "jane",
            "password": PASSWORD,
            "mode": "auto",
            "admin_tool": "an_hour_passes",
            "provider": provider,
            "internet": self.internet,
        }
        return Errand(**{**settings, **changes})

    @contextmanager
    def providers_over_tls(self) -> Iterator[int]:
        """Serve the providers over TLS as well, for a browser that reads host names; give the port."""
        names = ("authority.pem", "server.pem", "server.key")
        authority, chain, key = (self._folder / name for name in names)
        make_certificates(authority, chain, key)
        with listening(self._providers, certificate=(chain, key)) as base:
            yield int(base.rpartition(":")[2])

    @asynccontextmanager
    async def _providers(self, _base: str) -> AsyncIterator[Application]:
        yield SimulatedInternet(self.simulators.values()).app

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve the providers and the server."""

        @asynccontextmanager
        async def server(_base: str) -> AsyncIterator[Application]:
            tools = self._tools()
            guard = self._guard(Policy(base=Rule(scopes=frozenset({READ})), rules=tools.rules))
            yield guard.protect(tools.asgi)
            await guard.authorization_server.aclose()

        with listening(self._providers) as self.internet, listening(server, self.port):
            yield

    def _tools(self) -> McpServer:
        server = McpServer("every-provider", version="1")

        @server.tool()
        def add(a: int, b: int) -> int:
            return a + b

        @server.tool()
        def an_hour_passes(user: Identity) -> str:
            self.callers.append(user)
            self.late += AN_HOUR
            return f"an hour has passed for {user.name}"

        return server

    def _guard(self, policy: Policy) -> GuardWithSignIn:
        return GuardWithSignIn(
            [self._settings(name, one) for name, one in self.simulators.items()],
            public_url=self.mcp,
            policy=policy,
            service_name="Every provider",
            data=self._folder,
            clock=self.clock,
            authserver_options={
                "provider_fetcher": FetcherOfTheInternet(self.internet),
                "fetcher": ClientDocumentsOfTheInternet(),
            },
        )

    @staticmethod
    def _settings(name: str, one: Simulator) -> IdentityProvider:
        more: dict[str, Any] = {**one.facts.settings}
        return IdentityProvider(
            kind=one.facts.kind,
            name=name,
            issuer=one.facts.issuer,
            client_id=one.client_id,
            client_secret=CLIENT_SECRET,
            allow=Allow(everyone=True),
            **more,
        )
