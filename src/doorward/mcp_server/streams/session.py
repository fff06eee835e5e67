"""Sessions, in the protocol revisions that have them; each belongs to one principal."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Literal

from doorward.errors import SessionRefused
from doorward.identity import Identity, Principal, holds_all_of
from doorward.mcp_server.refusals import InvalidParams, ToolError
from doorward.mcp_server.streams.event_log import EventLog
from doorward.mcp_server.streams.in_flight import InFlight
from doorward.mcp_server.streams.subscriptions import Subscription

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

# The limits for one client; the oldest entry goes first.
MAX_LOGS = 32
MAX_SUBSCRIBED = 100
MAX_SESSIONS_PER_CALLER = 100
_MODES = ("form", "url", "tools", "context")


class Session:
    """
    The state of one client between its requests.

    ``resumable`` says whether its streams have event ids: older clients fail on the event without a
    message that begins such a stream.

    Spec: MCP 2025-11-25, transports, "Session Management"
    """

    def __init__(
        self, principal: Principal, capabilities: Mapping[str, Any], *, resumable: bool
    ) -> None:
        self.id = secrets.token_urlsafe(32)
        self.principal = principal
        self.capabilities = relevant_capabilities(capabilities)
        self.resumable = resumable
        self.log_level: LogLevel | None = None
        # By URI, who subscribed: a weaker token of the same principal does not hear of it.
        self.subscribed: dict[str, Identity | None] = {}
        self.standalone_stream: Subscription | None = None
        self.stream_identity: Identity | None = None
        self.last_used = 0.0
        self.in_flight = InFlight()
        self._logs: OrderedDict[str, EventLog] = OrderedDict()
        self._pending_responses: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._count = 0

    def new_event_log(self, identity: Identity | None) -> EventLog | None:
        """Return the log of a new stream of this caller; ``None`` if the session is not resumable."""
        if not self.resumable:
            return None
        self._count += 1
        log = EventLog(f"s{self._count}", identity)
        self._logs[log.name] = log
        while len(self._logs) > MAX_LOGS:
            self._logs.popitem(last=False)
        return log

    def find_event_log(
        self, event_id: str, identity: Identity | None
    ) -> tuple[EventLog, int] | None:
        """
        Return the log and the number of an event, or ``None``.

        A log has responses. A token that cannot have caused them does not read them either.
        """
        name, _, number = event_id.partition(".")
        log = self._logs.get(name)
        if log is None or not holds_all_of(identity, log.identity):
            return None
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        return log, int(number)

    def subscribe(self, uri: str, identity: Identity | None) -> None:
        """Subscribe this caller to a resource. Raises: InvalidParams."""
        if len(self.subscribed) >= MAX_SUBSCRIBED:
            raise InvalidParams(f"A session has at most {MAX_SUBSCRIBED} subscriptions")
        self.subscribed[uri] = identity

    def audible_to(self, identity: Identity | None) -> list[str]:
        """Return the subscribed URIs whose changes this caller may hear of."""
        return [uri for uri, by in self.subscribed.items() if holds_all_of(identity, by)]

    def expect_response(self) -> tuple[str, asyncio.Future[Mapping[str, Any]]]:
        """Return an id for a request to the client, and the future of its response."""
        # Not a counter: a client must not be able to respond to a request before it is sent.
        request_id = secrets.token_urlsafe(12)
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending_responses[request_id] = future
        return request_id, future

    def discard_response(self, future: asyncio.Future[Mapping[str, Any]]) -> None:
        """Stop waiting for this response."""
        self._pending_responses = {
            key: one for key, one in self._pending_responses.items() if one is not future
        }
        future.cancel()

    def deliver_response(self, request_id: object, message: Mapping[str, Any]) -> None:
        """Give a response of the client to the function that waits for it, if any does."""
        future = self._pending_responses.get(request_id) if isinstance(request_id, str) else None
        if future is None or future.done():
            return
        result = message.get("result")
        if isinstance(result, dict):
            future.set_result(result)
        else:
            future.set_exception(ToolError("The client refused to answer."))

    def end(self) -> None:
        """Cancel everything that waits for this client."""
        for future in self._pending_responses.values():
            future.cancel()
        if self.standalone_stream is not None:
            self.standalone_stream.end()


def relevant_capabilities(capabilities: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the capabilities that are used; a client could send megabytes of others."""
    return {
        name: {mode: {} for mode in _MODES if isinstance(declared.get(mode), dict)}
        for name in ("elicitation", "sampling", "roots")
        if isinstance(declared := capabilities.get(name), dict)
    }


class Sessions:
    """
    The sessions of a server: at most ``limit``, each until it is unused for ``idle`` seconds.

    They exist in this process only: several processes need a load balancer with sticky sessions.
    """

    def __init__(self, clock: Callable[[], float], *, limit: int, idle: float) -> None:
        self._clock = clock
        self._limit = limit
        self._idle = idle
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, session: Session) -> None:
        """Add a session; over a limit, the least recently used one of its principal, or of all, ends."""
        self._prune()
        own = [one for one in self._sessions.values() if one.principal == session.principal]
        if session.principal is not None and len(own) >= MAX_SESSIONS_PER_CALLER:
            self._drop(own[0])
        if len(self._sessions) >= self._limit:
            self._drop(next(iter(self._sessions.values())))
        session.last_used = self._clock()
        self._sessions[session.id] = session

    def find(self, session_id: str, principal: Principal) -> Session:
        """
        Return the session, and mark it as used.

        Raises:
            SessionRefused: 404, the same for an unknown session and another principal's.
        """
        self._prune()
        session = self._sessions.get(session_id)
        if session is not None and session.principal is None:
            # Its client has signed in since; the guard lets nobody else come this far with it.
            session.principal = principal
        if session is None or session.principal != principal:
            raise SessionRefused(
                f"not a session of {principal!r}", description="Session not found."
            )
        session.last_used = self._clock()
        self._sessions.move_to_end(session_id)
        return session

    def end(self, session: Session) -> None:
        """End a session."""
        self._drop(session)

    def __len__(self) -> int:
        """Return how many sessions there are."""
        self._prune()
        return len(self._sessions)

    def close_all(self) -> None:
        """End every session, at shutdown."""
        for session in list(self._sessions.values()):
            self._drop(session)

    def _prune(self) -> None:
        oldest = self._clock() - self._idle
        while self._sessions and (first := next(iter(self._sessions.values()))).last_used < oldest:
            self._drop(first)

    def _drop(self, session: Session) -> None:
        if self._sessions.pop(session.id, None) is not None:
            session.end()
