"""The parts of a running configuration: the authorization server, and each guarded MCP server."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from doorward.authserver import AuthorizationServer, AuthServerSettings
from doorward.config.service.operations import ServiceOperations
from doorward.config.service.routing import Site
from doorward.config.settings import EXCHANGED, McpServerSettings
from doorward.downstream.refusals import AccountNotConnected
from doorward.errors import ConfigurationError
from doorward.gateway import Gateway, Route
from doorward.gateway.stdio import StdioServer
from doorward.gateway.tools.accepted import AcceptedTools
from doorward.gateway.upstream.identity import ASSERTION_TYPE, UpstreamIdentity
from doorward.gateway.upstream.shortened_lists import ShortenedLists, Shows
from doorward.guard import Guard
from doorward.guard.http.paths import EndpointPaths
from doorward.identity import Identity
from doorward.net import Clock
from doorward.operations.metrics import Sample
from doorward.operations.readiness import Check
from doorward.policy import Operation
from doorward.tokens import CredentialVerifier, Verifier
from doorward.wire.address import origin_of
from doorward.wire.asgi import ASGIApp, Message
from doorward.wire.host_origin import HostOriginPolicy


class Part(ABC):
    """A part that several configurations may use, one after the other; the last one closes it."""

    def __init__(self) -> None:
        self._users = 0

    async def acquire(self) -> None:
        """Start the part, unless another configuration has started it."""
        if self._users == 0:
            await self._start()
        self._users += 1

    async def release(self) -> None:
        """Close the part, unless another configuration uses it."""
        self._users -= 1
        if self._users == 0:
            await self._close()

    @abstractmethod
    async def _start(self) -> None: ...

    @abstractmethod
    async def _close(self) -> None: ...


class AuthServerPart(Part):
    """The authorization server."""

    def __init__(
        self, settings: AuthServerSettings, clock: Clock, operations: ServiceOperations
    ) -> None:
        super().__init__()
        self.settings = settings
        self.server = AuthorizationServer(
            settings, clock=clock, audit=operations.server_sink(), attempts=operations.attempts
        )
        self.app = operations.measured(self.server.app, self.server.operations.route_of)
        self._clock = clock

    def sign_assertion(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT about a caller, for a server that our JWKS tells our keys."""
        signed = {"iss": self.settings.issuer, **claims}
        return self.server.services.keys.sign(signed, ASSERTION_TYPE)

    async def _start(self) -> None:
        await self.server.start()
        self._checking = asyncio.create_task(self.server.check_providers())

    async def _close(self) -> None:
        self._checking.cancel()
        await self.server.aclose()


class McpServerPart(Part):
    """A guard, and behind it what forwards to the MCP server, or runs it."""

    def __init__(
        self,
        settings: McpServerSettings,
        authserver: AuthServerPart | None,
        clock: Clock,
        operations: ServiceOperations,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.authserver = authserver
        own = None if authserver is None else authserver.server.trusted_issuer(settings.resource)
        self.route = urlsplit(settings.resource).path or "/"
        more: dict[str, Any] = {}
        credentials = settings.upstream_credentials
        if "exchange" in credentials:
            more["downstream"] = {EXCHANGED: credentials["exchange"]}
        elif (
            not {"provider_token", "pasted_key"}.isdisjoint(credentials) and authserver is not None
        ):
            more["downstream"] = authserver.server.provider_tokens(settings.resource)
        if authserver is not None:
            more["rate_counters"] = authserver.server.rate_counters
        guard = settings.guard(
            own,
            audit=operations.guard_sink(self.route),
            attempts=operations.attempts or False,
            clock=clock,
            **more,
        )
        self.guard = guard
        policy = settings.policy

        def permits(identity: Identity | None, operation: Operation) -> bool:
            return policy.decide(identity, operation).allowed

        def shows(identity: Identity | None, operation: Operation) -> bool:
            return policy.decide(identity, operation).is_listed

        if settings.stdio is not None:
            server = StdioServer(
                settings.stdio,
                log=operations.stdio_sink(),
                max_body=guard.max_body,
                clock=clock,
            )
            server.decide, server.shows = permits, shows
            app: ASGIApp = server
        else:
            app = _gateway(settings, guard, operations, self.route, shows, authserver)
        self.tools = AcceptedTools(app, settings.accepted_tools, operations.tools_sink(self.route))
        self.guarded = guard.protect(self.tools)
        self.site = Site(
            HostOriginPolicy(settings.resource, settings.options.get("allowed_hosts")),
            EndpointPaths(settings.resource, settings.options.get("path")),
            self.guarded,
        )
        self._lifespan = Lifespan(self.guarded)

    def checks(self) -> list[Check]:
        """Return what the guard needs: the keys of each issuer that it verifies tokens by."""
        return [Check(f"issuer-keys:{self.route}", self._keys_problem)]

    async def _keys_problem(self) -> str | None:
        verifier = self.guarded.verifier
        if not isinstance(verifier, Verifier | CredentialVerifier):
            return None
        if verifier.issuers_without_keys():
            # Without traffic, nobody else fetches them again.
            await verifier.start()
        return "keys-unavailable" if verifier.issuers_without_keys() else None

    def samples(self) -> list[Sample]:
        """Return what metrics read at each scrape: the cache of tokens, and refused tools."""
        verifier = self.guarded.verifier
        refused = Sample("doorward_refused_tools", (self.route,), len(self.tools.reasons))
        if not isinstance(verifier, Verifier | CredentialVerifier):
            return [refused]
        hits, entries = verifier.cache_counts()
        return [
            refused,
            Sample("doorward_token_cache_hits_total", (self.route,), hits),
            Sample("doorward_token_cache_entries", (self.route,), entries),
        ]

    async def _start(self) -> None:
        await self._lifespan.start()

    async def _close(self) -> None:
        await self._lifespan.stop()


def _gateway(
    settings: McpServerSettings,
    guard: Guard,
    operations: ServiceOperations,
    route: str,
    shows: Shows,
    authserver: AuthServerPart | None,
) -> Gateway:
    assert settings.upstream is not None
    upstream = urlsplit(settings.upstream)
    return Gateway(
        public=origin_of(settings.resource),
        routes=(
            Route(
                path=guard.app_path,
                upstream=origin_of(settings.upstream),
                target=upstream.path or "/",
                cors="upstream",
            ),
        ),
        allowed_origins=settings.options.get("allowed_origins", ()),
        allowed_hosts=settings.options.get("allowed_hosts", ()),
        pass_headers=settings.pass_headers,
        max_body=guard.max_body,
        timeout=settings.timeout,
        connections=settings.connections,
        credentials="token" if settings.forward_token else "none",
        lists=ShortenedLists(shows),
        identity=_identity(settings, authserver),
        audit=operations.gateway_sink(route),
    )


def _identity(settings: McpServerSettings, authserver: AuthServerPart | None) -> UpstreamIdentity:
    if authserver is None:
        return settings.identity()
    server, resource = authserver.server, settings.resource

    async def refused(caller: Identity) -> AccountNotConnected:
        return await server.refused_key(resource, caller.subject)

    return settings.identity(authserver.sign_assertion, refused)


class Lifespan:
    """Starts and stops an application by the lifespan protocol, as a server does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """
        Return when the application has started.

        Raises:
            ConfigurationError: ``cannot-start``.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._to_app.get, self._from_app.put))
        answer = await self._ask("lifespan.startup")
        if answer["type"] != "lifespan.startup.complete":
            raise ConfigurationError(
                "cannot-start",
                f"An MCP server cannot be protected: {answer.get('message', '')}",
                "Correct the setting, then start again.",
            )

    async def stop(self) -> None:
        """Return when the application has stopped."""
        if self._task is not None and not self._task.done():
            await self._ask("lifespan.shutdown")
            await self._task

    async def _ask(self, kind: str) -> Message:
        assert self._task is not None
        await self._to_app.put({"type": kind})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            self._task.result()
            return {"type": f"{kind}.complete"}
        return answer.result()
