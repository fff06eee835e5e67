"""What the audit events of guard, gateway and authorization server have in common."""

from collections.abc import Callable
from typing import Literal, Protocol

Outcome = Literal["served", "refused"]

_LONGEST = 500


class DecisionEvent(Protocol):
    """
    One decision, whichever party made it.

    A sink for ``DecisionEvent`` fits ``audit=`` of ``Guard``, ``Gateway`` and
    ``AuthorizationServer``: a metric per decision needs one function. ``time`` is in seconds since
    1970. ``reason`` is a stable word: the code of a refusal, or what was served.
    """

    @property
    def time(self) -> float: ...

    @property
    def correlation_id(self) -> str: ...

    @property
    def decision(self) -> Outcome: ...

    @property
    def reason(self) -> str: ...


DecisionSink = Callable[[DecisionEvent], None]


def fits_a_log(text: str) -> bool:
    """Say whether ``escape_for_log`` would return ``text`` unchanged."""
    return len(text) <= _LONGEST and text.isprintable()


def escape_for_log(text: str) -> str:
    """
    Return ``text`` with every character escaped that could forge a log line or control a terminal.

    Line ends, ANSI sequences, bidirectional and invisible characters become ``\\u…``.
    """
    if fits_a_log(text):
        return text
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
