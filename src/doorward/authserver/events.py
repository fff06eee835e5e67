"""
Audit events of the authorization server: issued tokens, sign-ins, refusals, alarms.

They hold names and ids, never a token, a code or a secret.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import structlog

from doorward.audit import Outcome, escape_for_log
from doorward.correlation_id import new_correlation_id
from doorward.errors import RequestRefused, Unavailable
from doorward.net.clock import Clock
from doorward.operations.story.notes import note_event

_log = structlog.get_logger("doorward.authserver")


@dataclass(frozen=True, kw_only=True)
class ServerEvent:
    """
    An event for operators; ``kind`` is a stable name.

    ```python
    def report(event: ServerEvent) -> None:
        if event.kind in {"code.reused", "refresh.reused"}:
            print("A token may have been stolen:", event.facts, event.correlation_id)
        log_event(event)

    sink: AuditSink = report  # AuthorizationServer(settings, audit=sink)
    ```

    ``code.reused`` and ``refresh.reused`` mean that a code or token may have been stolen.
    ``request.refused`` comes with every refusal that is answered as JSON or as a page. It has the
    correlation id of the response, and names the client and the grant type once they are known.
    ``reason`` is the reason code of a refusal; for what was served, it is the kind.
    """

    kind: str
    time: float
    reason: str
    correlation_id: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decision(self) -> Outcome:
        """``refused`` for refusals, failures and reuse."""
        return "refused" if self.kind.endswith((".refused", ".failed", ".reused")) else "served"


AuditSink = Callable[[ServerEvent], None]
"""What gets each event. It must not wait, and must not raise."""


@dataclass
class _CurrentRequest:
    """What is known about the request in progress."""

    correlation_id: str = field(default_factory=new_correlation_id)
    facts: dict[str, str] = field(default_factory=dict)


_request: ContextVar[_CurrentRequest | None] = ContextVar(
    "doorward_authserver_request", default=None
)


@contextmanager
def request_in_progress(path: str) -> Iterator[None]:
    """Give every event inside the same correlation id; refusals also get ``path``."""
    token = _request.set(_CurrentRequest(facts={"path": escape_for_log(path)}))
    try:
        yield
    finally:
        _request.reset(token)


def note_facts(**facts: str) -> None:
    """Add facts to the refusal of the request in progress, should it be refused."""
    if (request := _request.get()) is not None:
        request.facts.update(facts)


class EventRecorder:
    """Gives events to ``audit``: the one place where an event or a metric leaves this server."""

    def __init__(self, audit: AuditSink, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock

    def record_event(self, kind: str, *, reason: str | None = None, **facts: str) -> str:
        """Record an event, and return its correlation id; ``reason`` says why something failed."""
        return self._put(kind=kind, reason=reason or kind, facts=facts)

    def record_refusal(self, refusal: RequestRefused | Unavailable) -> str:
        """Record the refusal of the request in progress, and return its correlation id."""
        facts = {"status": refusal.status, "detail": escape_for_log(refusal.detail)}
        return self._put(kind="request.refused", reason=refusal.code, facts=_of_request(facts))

    def record_failure(self, error: Exception) -> str:
        """Record a failure of this server, and return the correlation id of the request."""
        # The type alone: messages of drivers and parsers quote what they were given.
        facts = {"status": 500, "error": type(error).__name__}
        return self._put(kind="request.failed", reason="server-error", facts=_of_request(facts))

    def _put(self, *, kind: str, reason: str, facts: Mapping[str, Any]) -> str:
        request = _request.get()
        correlation_id = request.correlation_id if request else new_correlation_id()
        note_event(kind, reason, correlation_id, facts)
        self._audit(
            ServerEvent(
                kind=kind,
                time=self._clock(),
                reason=reason,
                correlation_id=correlation_id,
                facts=facts,
            )
        )
        return correlation_id


def _of_request(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    request = _request.get()
    return {**request.facts, **facts} if request else facts


def log_event(event: ServerEvent) -> None:
    """Write the event to the structured log; reuse, failures and changes are warnings."""
    is_warning = event.kind.endswith((".reused", ".failed", ".changed"))
    write = _log.warning if is_warning else _log.info
    fields = {"reason": event.reason, "correlation_id": event.correlation_id, **event.facts}
    write(event.kind, time=event.time, **fields)
