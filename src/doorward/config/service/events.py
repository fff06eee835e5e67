"""The log of ``doorward serve``: one line of JSON for each event, on standard output."""

from collections.abc import Mapping
from typing import Any

import msgspec

from doorward.audit import escape_for_log
from doorward.authserver import ServerEvent
from doorward.gateway.forwarder import ForwardedRequest
from doorward.guard.audit.lines import LINES


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event that is no decision of a guard; those have a line of their own."""

    event: str
    time: float
    decision: str = ""
    reason: str = ""
    correlation_id: str = ""
    facts: Mapping[str, Any]


def write_event(event: ServerEvent) -> None:
    """Write an event of the authorization server."""
    LINES.add(
        Line(
            event=event.kind,
            time=event.time,
            decision=event.decision,
            reason=event.reason,
            correlation_id=event.correlation_id,
            facts=_escaped(event.facts),
        )
    )


def write_failure(request: ForwardedRequest) -> None:
    """Write a request that an upstream server did not answer; a guard has logged all others."""
    if request.reason == "forwarded":
        return
    facts = {
        "upstream": request.upstream,
        "status": request.status,
        "detail": request.detail,
        "seconds": round(request.seconds, 3),
    }
    LINES.add(
        Line(
            event="upstream.failed",
            time=request.time,
            decision=request.decision,
            reason=request.reason,
            correlation_id=request.correlation_id,
            facts=_escaped(facts),
        )
    )


def write_line(event: str, now: float, **facts: Any) -> None:
    """Write an event of the process itself, such as its start or a reload."""
    LINES.add(Line(event=event, time=now, facts=_escaped(facts)))


def _escaped(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: escape_for_log(value) if isinstance(value, str) else value
        for name, value in facts.items()
    }
