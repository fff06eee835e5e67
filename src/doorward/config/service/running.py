"""A configuration that is being served, and the next one that takes its place without a lost request."""

import asyncio
import time

from doorward.config.service.operations import ServiceOperations
from doorward.config.service.parts import AuthServerPart, McpServerPart, Part
from doorward.config.service.routing import Router
from doorward.config.settings import Configuration
from doorward.errors import ConfigurationError
from doorward.net import Clock
from doorward.operations.endpoints import OperationsEndpoints
from doorward.operations.metrics import Sample
from doorward.operations.readiness import Check, Readiness
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send


class RunningConfiguration:
    """
    The applications of one configuration. Parts that did not change are those of ``before``.

    Raises:
        ConfigurationError: ``listen-changed``, ``data-would-be-lost``, and what the parts refuse.
    """

    def __init__(
        self,
        configuration: Configuration,
        before: "RunningConfiguration | None" = None,
        clock: Clock = time.time,
        operations: ServiceOperations | None = None,
    ) -> None:
        self.operations = operations or ServiceOperations(configuration, clock)
        self.configuration = configuration
        if before is not None:
            _require_reloadable(before.configuration, configuration)
        self.authserver = _authserver(configuration, before, clock, self.operations)
        self.mcp_servers = [
            _mcp_server(self, number, before, clock)
            for number in range(len(configuration.mcp_servers))
        ]
        rest: ASGIApp | None = None if self.authserver is None else self.authserver.app
        self.app = Router([one.site for one in self.mcp_servers], rest)
        self._routes = frozenset(one.route for one in self.mcp_servers)
        self._acquired: list[Part] = []
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def checks(self) -> list[Check]:
        """Return what this configuration needs before it can serve."""
        own = [] if self.authserver is None else self.authserver.server.operations.checks()
        return own + [check for one in self.mcp_servers for check in one.checks()]

    def samples(self) -> list[Sample]:
        """Return what metrics read at each scrape."""
        own = [] if self.authserver is None else self.authserver.server.operations.samples()
        return own + [sample for one in self.mcp_servers for sample in one.samples()]

    def route_of(self, path: str) -> str:
        """Return the route of ``path`` for traces, from a closed set."""
        if path in self._routes:
            return path
        return (
            "other" if self.authserver is None else self.authserver.server.operations.route_of(path)
        )

    async def start(self) -> None:
        """
        Start the parts that are new; if one of them cannot start, close those that could.

        Raises:
            ConfigurationError: it says what to change.
            StoreUnavailable: the database cannot be reached.
        """
        parts: list[Part] = [*self.mcp_servers]
        if self.authserver is not None:
            parts.insert(0, self.authserver)
        try:
            for part in parts:
                await part.acquire()
                self._acquired.append(part)
        except BaseException:
            await self.aclose()
            raise

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, which is in flight until then."""
        self._in_flight += 1
        self._idle.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def finish(self) -> None:
        """Wait for the requests in flight, then close what no other configuration uses."""
        await self._idle.wait()
        await self.aclose()

    async def aclose(self) -> None:
        """Close what no other configuration uses."""
        while self._acquired:
            await self._acquired.pop().release()


class Service:
    """
    The ASGI application of ``doorward serve``: the current configuration answers each new request.

    A request that began under an earlier configuration ends under that one.
    """

    def __init__(self, first: RunningConfiguration, clock: Clock = time.time) -> None:
        self._current = first
        self._clock = clock
        self.operations = first.operations
        self.readiness = Readiness(self._checks)
        metrics, public = self.operations.metrics, first.configuration.operations.public
        self.endpoints = OperationsEndpoints(self.readiness, metrics, story=self.operations.story())
        self._public = OperationsEndpoints(self.readiness, metrics, endpoints=public)
        self._public_paths = self._public.paths
        self._serve = self.operations.traced(self._serve_current, self._route_of)
        self._finishing: dict[RunningConfiguration, asyncio.Task[None]] = {}

    @property
    def current(self) -> RunningConfiguration:
        """The configuration that answers new requests."""
        return self._current

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "http":
            if scope["path"] in self._public_paths:
                await self._public(scope, receive, send)
            else:
                await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def samples(self) -> list[Sample]:
        """Return what metrics read at each scrape."""
        return self._current.samples()

    # Of the configuration at the time of the call, which a bound method would not follow.

    def _checks(self) -> list[Check]:
        return self._current.checks()

    def _route_of(self, path: str) -> str:
        return self._current.route_of(path)

    async def _serve_current(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._current.serve(scope, receive, send)

    async def replace(self, configuration: Configuration) -> None:
        """
        Serve ``configuration`` from now on; if it cannot start, the current one stays.

        Raises:
            ConfigurationError: it says what to change.
            StoreUnavailable: its database cannot be reached.
        """
        following = RunningConfiguration(
            configuration, self._current, self._clock, self._current.operations
        )
        await following.start()
        before, self._current = self._current, following
        self._finishing[before] = asyncio.create_task(before.finish())
        self._finishing[before].add_done_callback(lambda _: self._finishing.pop(before, None))

    async def aclose(self) -> None:
        """Close everything; no request is in flight any more."""
        finishing = dict(self._finishing)
        for task in finishing.values():
            task.cancel()
        await asyncio.gather(*finishing.values(), return_exceptions=True)
        for running in (*finishing, self._current):
            await running.aclose()


def _authserver(
    configuration: Configuration,
    before: RunningConfiguration | None,
    clock: Clock,
    operations: ServiceOperations,
) -> AuthServerPart | None:
    settings = configuration.authorization_server
    if settings is None:
        return None
    earlier = None if before is None else before.authserver
    if earlier is not None and earlier.settings == settings:
        return earlier
    return AuthServerPart(settings, clock, operations)


def _mcp_server(
    running: RunningConfiguration, number: int, before: RunningConfiguration | None, clock: Clock
) -> McpServerPart:
    settings = running.configuration.mcp_servers[number]
    earlier = next(
        (
            one
            for one in (before.mcp_servers if before else [])
            if one.settings.resource == settings.resource
        ),
        None,
    )
    if earlier and earlier.settings == settings and earlier.authserver is running.authserver:
        return earlier
    part = McpServerPart(settings, running.authserver, clock, running.operations)
    if earlier is not None:
        # Without its owner, every open session would end now.
        part.guarded.take_over(earlier.guarded)
    return part


def _require_reloadable(before: Configuration, after: Configuration) -> None:
    if before.listen != after.listen:
        raise ConfigurationError(
            "listen-changed",
            "listen cannot change while the process runs.",
            "Restart the process, or set listen to what it was.",
        )
    if (before.operations, before.log, before.audit) != (after.operations, after.log, after.audit):
        raise ConfigurationError(
            "operations-changed",
            "The tables operations, log and audit cannot change while the process runs.",
            "Restart the process, or set them to what they were.",
        )
    old, new = before.authorization_server, after.authorization_server
    if old is not None and old.database_url is None and old != new:
        raise ConfigurationError(
            "data-would-be-lost",
            "The authorization server has no database, so its users and keys would be lost.",
            "Set database_url and restart the process, or change nothing in [authorization_server].",
        )
