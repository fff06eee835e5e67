"""One event per decision: who asked for what, what was answered and why."""

from collections.abc import Callable
from typing import Literal

import msgspec
import structlog

from doorward.identity import Identity, Kind
from doorward.policy import Operation

_LONGEST = 500


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """
    One decision of the guard.

    ``time`` is in seconds since 1970. ``reason`` is ``allowed`` or the code of the refusal.
    ``method`` and ``name`` are what was asked for, empty where the request was refused before it
    was read. ``detail`` says what was got and what was expected; it belongs in a log and not on
    the wire. Never holds a token or an argument, and no text in it can end a line or move a cursor.
    """

    time: float
    correlation_id: str
    decision: Literal["served", "refused"]
    reason: str
    status: int
    http_method: str
    method: str = ""
    name: str | None = None
    issuer: str | None = None
    subject: str | None = None
    client_id: str | None = None
    kind: Kind | None = None
    scopes: frozenset[str] = frozenset()
    detail: str = ""


AuditSink = Callable[[AuditEvent], None]


def event(
    *,
    time: float,
    correlation_id: str,
    reason: str,
    status: int,
    http_method: str,
    operation: Operation | None,
    identity: Identity | None,
    scopes: frozenset[str] = frozenset(),
    detail: str = "",
    served: bool = False,
) -> AuditEvent:
    """Return the event of one decision, with everything a peer wrote made harmless."""
    return AuditEvent(
        time=time,
        correlation_id=correlation_id,
        decision="served" if served else "refused",
        reason=reason,
        status=status,
        http_method=harmless(http_method),
        method=harmless(operation.method) if operation else "",
        name=harmless(operation.name) if operation and operation.name is not None else None,
        issuer=harmless(identity.issuer) if identity else None,
        subject=harmless(identity.subject) if identity else None,
        client_id=harmless(identity.client_id) if identity and identity.client_id else None,
        kind=identity.kind if identity else None,
        scopes=scopes,
        detail=harmless(detail),
    )


def harmless(text: str) -> str:
    """
    Return ``text`` with every character escaped that could forge a log line or steer a terminal.

    Line ends, ANSI sequences, bidirectional and invisible characters become ``\\u…``.
    """
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    elif text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def log(entry: AuditEvent) -> None:
    """Write an event to structlog: refusals as warnings, the rest as information."""
    logger = structlog.get_logger("doorward.audit")
    write = logger.info if entry.decision == "served" else logger.warning
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    fields["scopes"] = sorted(entry.scopes)
    write("decision", **fields)
