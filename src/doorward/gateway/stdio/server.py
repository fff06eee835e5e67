"""``StdioServer``: a stdio server as an ASGI application, with processes for its users."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from doorward.gateway.stdio.child_session import ChildSession
from doorward.gateway.stdio.processes import StdioProcesses
from doorward.gateway.stdio.settings import ISSUER, MEBIBYTE, SUBJECT, StdioCommand
from doorward.gateway.stdio.user_endpoint import Notified, UserEndpoint
from doorward.identity import Identity
from doorward.mcp_server.elicitation.pending_pages import PendingPages
from doorward.mcp_server.elicitation.request_state import RequestStateCipher
from doorward.mcp_server.elicitation.round_trips import MultiRoundTrips
from doorward.mcp_server.features.subscription_streams import SubscriptionStreams
from doorward.mcp_server.features.tasks import Tasks
from doorward.mcp_server.http.endpoint import Endpoint
from doorward.mcp_server.http.session_methods import verified_identity
from doorward.mcp_server.registry.access_rules import AccessRules, Decide
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.session import Sessions
from doorward.mcp_server.streams.subscriptions import Subscriptions
from doorward.policy import Operation
from doorward.wire.asgi import Receive, Scope, Send
from doorward.wire.host_origin import LOCALHOST, HostOriginPolicy

_MOST_SESSIONS = 100
_STATE_SECONDS = 600.0
_SESSION_SECONDS = 1800.0


@dataclass(frozen=True)
class StdioLogLine:
    """A line that a process wrote to stderr, and the id of the request that it worked on last."""

    server: str
    correlation_id: str
    text: str


class StdioServer:
    """
    An MCP endpoint whose requests are answered by processes that speak stdio.

    ```python
    server = StdioServer(StdioCommand(command=("uvx", "mcp-server-time")))
    app = guard.protect(server)
    ```

    Serves 2026-07-28 and older revisions; the process may speak any revision with ``initialize``.
    Each user has a process of their own, and a client that can be asked for input has one of its
    own, because stdio does not say which client a question is for. Without a guard in front, every
    request is refused. ``shows`` shortens lists, or ``decide`` if it is left out; ``log`` gets what processes write to stderr.

    Spec: MCP 2026-07-28, basic/transports/stdio; 2025-11-25, basic/transports
    """

    def __init__(
        self,
        command: StdioCommand,
        *,
        decide: Decide | None = None,
        shows: Decide | None = None,
        log: Callable[[StdioLogLine], None] = lambda _line: None,
        max_body: int = 4 * MEBIBYTE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.decide = decide
        self.shows = shows
        self.processes = StdioProcesses(command.limits, clock)
        self._command = command
        self._log = log
        self._max_body = max_body
        self._clock = clock
        self._users: dict[Hashable, tuple[UserEndpoint, Endpoint]] = {}
        self._cipher = RequestStateCipher(None)
        self._watching: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "http":
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch())
            await self._endpoint(verified_identity(scope))(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def stop_idle(self) -> None:
        """End the processes that nobody used for long, and forget the users who have left."""
        watched = {user for user, (one, _) in self._users.items() if len(one.state.subscriptions)}
        await self.processes.stop_idle(lambda key: key.user in watched)
        for user, (endpoint, _) in list(self._users.items()):
            if not endpoint.in_use and self.processes.count_of(user) == 0:
                del self._users[user]

    async def aclose(self) -> None:
        """End every session, stream and process."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        for endpoint, _ in self._users.values():
            endpoint.close()
        await self.processes.close()

    def _endpoint(self, identity: Identity | None) -> Endpoint:
        user: Hashable = None
        if identity is not None and not self._command.shared:
            user = (identity.issuer, identity.subject)
        if user not in self._users:
            self._users[user] = self._new_endpoint(user, identity)
        return self._users[user][1]

    def _new_endpoint(
        self, user: Hashable, identity: Identity | None
    ) -> tuple[UserEndpoint, Endpoint]:
        variables: dict[str, str] = {}
        if identity is not None and not self._command.shared:
            variables = {SUBJECT: identity.subject, ISSUER: identity.issuer}

        async def open_session(declared: Mapping[str, Any], notified: Notified) -> ChildSession:
            return await ChildSession.open(
                self._command,
                log=self._logged,
                user=variables,
                declared=declared,
                notified=notified,
            )

        found = UserEndpoint(
            self._command,
            self.processes,
            self._state(),
            user=user,
            open_session=open_session,
            shows=self._shows,
        )
        modern, legacy = found.methods()
        endpoint = Endpoint(
            modern=modern,
            legacy=legacy,
            meta={},
            state=found.state,
            host_check=HostOriginPolicy(LOCALHOST),
            max_body=self._max_body,
        )
        endpoint.require_guard()
        return found, endpoint

    def _state(self) -> ServerState:
        streams, clock, name = Subscriptions(), self._clock, self._command.name
        pages = PendingPages(self._cipher, name, _STATE_SECONDS, clock)

        def may_read(request: RequestContext, uri: str) -> bool:
            return self._permits(request, Operation("resources/read", uri))

        return ServerState(
            round_trips=MultiRoundTrips(self._cipher, name, _STATE_SECONDS, clock, pages),
            sessions=Sessions(clock, limit=_MOST_SESSIONS, idle=_SESSION_SECONDS),
            subscriptions=streams,
            tasks=Tasks(AccessRules(), streams, clock, ttl=1, limit=1),
            subscription_streams=SubscriptionStreams(streams, may_read, _no_task),
            may_read=may_read,
            needs_sessions=lambda: True,
        )

    def _permits(self, request: RequestContext, operation: Operation) -> bool:
        return self.decide is None or self.decide(request.identity, operation)

    def _shows(self, request: RequestContext, operation: Operation) -> bool:
        shows = self.shows or self.decide
        return shows is None or shows(request.identity, operation)

    def _logged(self, correlation_id: str, text: str) -> None:
        self._log(StdioLogLine(self._command.name, correlation_id, text))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(self._command.limits.idle / 2, 10))
            await self.stop_idle()

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def _no_task(_request: RequestContext, _task: str) -> bool:
    return False
