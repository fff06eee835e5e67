"""One event per decision: caller, operation, answer and reason."""

import sys
from collections.abc import Callable

import msgspec

from doorward.audit import Outcome, escape_for_log, fits_a_log
from doorward.guard.audit.lines import LINES
from doorward.identity import Identity, Kind
from doorward.policy import Operation


class AuditEvent(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag="decision"
):
    """
    One decision of the guard.

    ```python
    def report(event: AuditEvent) -> None:
        if event.decision == "refused":
            print(event.time, event.reason, event.subject, event.name, event.correlation_id)

    sink: AuditSink = report
    guard = Guard(
        resource="https://mcp.example/mcp",
        issuer="https://login.example",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
        audit=sink,
    )
    ```

    ``time`` is in seconds since 1970. ``reason`` is ``allowed`` or the code of the refusal.
    ``method`` and ``name`` are of the operation, and empty if the request was refused before it
    was read. ``detail`` says what was found and what was expected; it is for the log, not for the
    peer. No field holds a token or an argument, and no text can end a line or move a cursor.
    """

    time: float
    correlation_id: str
    decision: Outcome
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
"""What gets each event. It must not wait, and must not raise."""


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
    """Return the event of one decision, with all text of the peer escaped."""
    method, name = (operation.method, operation.name) if operation else ("", None)
    issuer = subject = client_id = kind = None
    if identity is not None:
        issuer, subject = identity.issuer, identity.subject
        client_id, kind = identity.client_id, identity.kind
    # Checked in one piece: as a rule, nothing needs to be escaped.
    if not fits_a_log(f"{http_method}{method}{name}{issuer}{subject}{client_id}{detail}"):
        http_method, method, detail = map(escape_for_log, (http_method, method, detail))
        name, issuer, subject, client_id = map(_escaped, (name, issuer, subject, client_id))
    return AuditEvent(
        time=time,
        correlation_id=correlation_id,
        decision="served" if served else "refused",
        reason=reason,
        status=status,
        http_method=http_method,
        method=method,
        name=name,
        issuer=issuer,
        subject=subject,
        client_id=client_id,
        kind=kind,
        scopes=scopes,
        detail=detail,
    )


def _escaped(text: str | None) -> str | None:
    return None if text is None else escape_for_log(text)


def log(entry: AuditEvent) -> None:
    """
    Write an event to structlog if the process configured it, otherwise to standard output.

    On standard output it is one line of JSON, written before the event loop waits again. In
    structlog, refusals have level warning and other events level info.
    """
    # A process that configured structlog has imported it. Importing it here would cost the others
    # 10 MB, and its console output four times what the rest of the guard costs.
    structlog = sys.modules.get("structlog")
    if structlog is None or not structlog.is_configured():
        LINES.add(entry)
        return
    logger = structlog.get_logger("doorward.audit")
    write = logger.info if entry.decision == "served" else logger.warning
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    fields["scopes"] = sorted(entry.scopes)
    write("decision", **fields)
