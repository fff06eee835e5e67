"""Sessions of the ``initialize`` era, and whose they are."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from doorward.mcp_server.refusals import InvalidParams, NoSuchSession, ToolError
from doorward.mcp_server.request_context import Principal
from doorward.mcp_server.streams.event_log import EventLog
from doorward.mcp_server.streams.in_flight import InFlight

if TYPE_CHECKING:
    from doorward.mcp_server.functions.logging import Level
    from doorward.mcp_server.streams.subscriptions import Subscription

# What one client may keep here; the oldest goes first.
MAX_LOGS = 32
MAX_SUBSCRIBED = 100
MAX_SESSIONS_PER_CALLER = 100
_MODES = ("form", "url", "tools", "context")


class Session:
    """
    What is kept of one client between its requests.

    ``resumes`` says whether its streams have ids to come back with: older clients choke on the
    event without a message that begins such a stream.

    Spec: MCP 2025-11-25, transports, "Session Management"
    """

    def __init__(
        self, principal: Principal, capabilities: Mapping[str, Any], *, resumable: bool
    ) -> None:
        self.id = secrets.token_urlsafe(32)
        self.principal = principal
        self.capabilities = _relevant_capabilities(capabilities)
        self.resumable = resumable
        self.log_level: Level | None = None
        self.subscribed: set[str] = set()
        self.standalone_stream: Subscription | None = None
        self.last_used = 0.0
        self.in_flight = InFlight()
        self._logs: OrderedDict[str, EventLog] = OrderedDict()
        self._pending_responses: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._count = 0

    def new_event_log(self) -> EventLog | None:
        """Return a log for one more stream, if streams of this session have one."""
        if not self.resumable:
            return None
        self._count += 1
        log = EventLog(f"s{self._count}")
        self._logs[log.name] = log
        while len(self._logs) > MAX_LOGS:
            self._logs.popitem(last=False)
        return log

    def find_event_log(self, event_id: str) -> tuple[EventLog, int] | None:
        """Return the stream that an event was of and the event's number, or ``None``."""
        name, _, number = event_id.partition(".")
        log = self._logs.get(name)
        if log is None or not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        return log, int(number)

    def subscribe(self, uri: str) -> None:
        """Remember a resource whose changes the client wants to hear of. Raises: InvalidParams."""
        if len(self.subscribed) >= MAX_SUBSCRIBED:
            raise InvalidParams(f"A session has at most {MAX_SUBSCRIBED} subscriptions")
        self.subscribed.add(uri)

    def expect_response(self) -> tuple[str, asyncio.Future[Mapping[str, Any]]]:
        """Return the id for a request to the client, and what its answer will be put into."""
        # Not a counter: the answer to one question must not be guessable before it is asked.
        number = secrets.token_urlsafe(12)
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending_responses[number] = future
        return number, future

    def forget(self, future: asyncio.Future[Mapping[str, Any]]) -> None:
        """Expect this answer no longer."""
        self._pending_responses = {
            key: one for key, one in self._pending_responses.items() if one is not future
        }
        future.cancel()

    def deliver_response(self, request_id: object, message: Mapping[str, Any]) -> None:
        """Hand an answer of the client to whoever waits for it; nobody may."""
        future = self._pending_responses.get(request_id) if isinstance(request_id, str) else None
        if future is None or future.done():
            return
        result = message.get("result")
        if isinstance(result, dict):
            future.set_result(result)
        else:
            future.set_exception(ToolError("The client refused to answer."))

    def end(self) -> None:
        """Let go of everything: what is waiting for this client waits in vain."""
        for future in self._pending_responses.values():
            future.cancel()
        if self.standalone_stream is not None:
            self.standalone_stream.end()


def _relevant_capabilities(capabilities: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is ever asked for: kept as they came, they would be megabytes of the client's."""
    return {
        name: {mode: {} for mode in _MODES if isinstance(declared.get(mode), dict)}
        for name in ("elicitation", "sampling", "roots")
        if isinstance(declared := capabilities.get(name), dict)
    }


class Sessions:
    """
    The sessions of a server: at most ``most``, each until it was not used for ``idle`` seconds.

    They live in this process alone: several processes need a balancer that keeps a client with one.
    """

    def __init__(self, clock: Callable[[], float], *, most: int, idle: float) -> None:
        self._clock = clock
        self._most = most
        self._idle = idle
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, session: Session) -> None:
        """Keep a new session; the longest unused one of its owner, or of all, makes room."""
        self._prune()
        own = [one for one in self._sessions.values() if one.principal == session.principal]
        if session.principal is not None and len(own) >= MAX_SESSIONS_PER_CALLER:
            self._drop(own[0])
        if len(self._sessions) >= self._most:
            self._drop(next(iter(self._sessions.values())))
        session.last_used = self._clock()
        self._sessions[session.id] = session

    def find(self, session_id: str, principal: Principal) -> Session:
        """
        Return the session, which is now in use again.

        Raises:
            NoSuchSession: 404, the same whether there is none or it is somebody else's.
        """
        self._prune()
        session = self._sessions.get(session_id)
        if session is None or session.principal != principal:
            raise NoSuchSession(f"a session that is not of {principal!r}")
        session.last_used = self._clock()
        self._sessions.move_to_end(session_id)
        return session

    def end(self, session: Session) -> None:
        """End a session."""
        self._drop(session)

    def close_all(self) -> None:
        """End every session: the process is going."""
        for session in list(self._sessions.values()):
            self._drop(session)

    def _prune(self) -> None:
        oldest = self._clock() - self._idle
        while self._sessions and (first := next(iter(self._sessions.values()))).last_used < oldest:
            self._drop(first)

    def _drop(self, session: Session) -> None:
        if self._sessions.pop(session.id, None) is not None:
            session.end()
