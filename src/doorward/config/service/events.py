"""The log of ``doorward serve``: one line of JSON for each event, and the other places they go."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from doorward.authserver import ServerEvent
from doorward.config.operations import AuditSettings, LogSettings
from doorward.gateway.forwarder import ForwardedRequest
from doorward.guard.audit.events import AuditEvent
from doorward.guard.audit.lines import LINES
from doorward.operations.records import Record, escaped, process_record, record_of


class AuditSink(Protocol):
    """A place for records: the audit file, or a collector."""

    def add(self, record: Record) -> None:
        """Take one record; never wait, and never fail."""

    def close(self) -> None:
        """Write or send what is waiting."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event that is no decision of a guard; those have a line of their own."""

    event: str
    time: float
    decision: str = ""
    reason: str = ""
    correlation_id: str = ""
    facts: Mapping[str, Any]


class EventLog:
    """
    Writes the events of all parts to standard output, and to ``sinks``.

    ``guard``, ``server`` and ``forwarded`` are the sinks of the parts, ``line`` is for events of the
    process itself. With the format ``json``, all of them are records of one schema.
    """

    def __init__(
        self,
        log: LogSettings,
        audit: AuditSettings,
        sinks: Sequence[AuditSink],
    ) -> None:
        self.is_json = log.format == "json"
        self._prints = audit.stdout
        self._sinks = tuple(sinks)
        # A guard's events are the most, and as a rule nothing but a line is made of them.
        plain = self._prints and not self.is_json and not self._sinks
        self.guard: Callable[[AuditEvent], None] = LINES.add if plain else self._decision

    def server(self, event: ServerEvent) -> None:
        """Write an event of the authorization server."""
        self._put(
            Line(
                event=event.kind,
                time=event.time,
                decision=event.decision,
                reason=event.reason,
                correlation_id=event.correlation_id,
                facts=escaped(event.facts),
            ),
            lambda: record_of("authorization-server", event, event.kind),
        )

    def forwarded(self, request: ForwardedRequest) -> None:
        """Write a request that an upstream server did not answer; a guard has logged all others."""
        if request.reason == "forwarded":
            return
        facts = {
            "upstream": request.upstream,
            "status": request.status,
            "detail": request.detail,
            "seconds": round(request.seconds, 3),
        }
        self._put(
            Line(
                event="upstream.failed",
                time=request.time,
                decision=request.decision,
                reason=request.reason,
                correlation_id=request.correlation_id,
                facts=escaped(facts),
            ),
            lambda: record_of("gateway", request, "upstream.failed"),
        )

    def line(self, event: str, now: float, **facts: Any) -> None:
        """Write an event of the process itself, such as its start or a reload."""
        line = Line(event=event, time=now, facts=escaped(facts))
        self._put(line, lambda: process_record(event, now, facts), always=True)

    def log(self, record: Record) -> None:
        """Write what a library said; it is for the log, and no audit event."""
        LINES.add(record)

    def close(self) -> None:
        """Close the sinks."""
        for sink in self._sinks:
            sink.close()

    def _decision(self, event: AuditEvent) -> None:
        self._put(event, lambda: record_of("guard", event, "decision"))

    def _put(
        self, line: msgspec.Struct, record: Callable[[], Record], *, always: bool = False
    ) -> None:
        prints = self._prints or always
        if self._sinks or (prints and self.is_json):
            made = record()
            for sink in self._sinks:
                sink.add(made)
            line = made if self.is_json else line
        if prints:
            LINES.add(line)
