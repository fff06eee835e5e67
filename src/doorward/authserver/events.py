"""What happened, for the log and for whoever watches: names and ids, never a token or a secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

_log = structlog.get_logger("doorward.authserver")


@dataclass(frozen=True, kw_only=True)
class ServerEvent:
    """
    Something an operator may want to know; ``kind`` is stable.

    ``code.reused`` and ``refresh.reused`` say that somebody may hold a copy of a secret.
    """

    kind: str
    at: float
    facts: Mapping[str, Any] = field(default_factory=dict)


Recorder = Callable[[ServerEvent], None]


def log_event(event: ServerEvent) -> None:
    """Write the event to the structured log; reuse and failures as warnings."""
    alarming = event.kind.endswith((".reused", ".failed", ".changed"))
    write = _log.warning if alarming else _log.info
    write(event.kind, at=event.at, **event.facts)
