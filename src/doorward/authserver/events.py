"""Events of the authorization server. They hold names and ids, never a token or a secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

_log = structlog.get_logger("doorward.authserver")


@dataclass(frozen=True, kw_only=True)
class ServerEvent:
    """
    An event for operators; ``kind`` is a stable name.

    ``code.reused`` and ``refresh.reused`` mean that a code or token may have been stolen.
    """

    kind: str
    at: float
    facts: Mapping[str, Any] = field(default_factory=dict)


Recorder = Callable[[ServerEvent], None]


def log_event(event: ServerEvent) -> None:
    """Write the event to the structured log; reuse, failures and changes are warnings."""
    is_warning = event.kind.endswith((".reused", ".failed", ".changed"))
    write = _log.warning if is_warning else _log.info
    write(event.kind, at=event.at, **event.facts)
