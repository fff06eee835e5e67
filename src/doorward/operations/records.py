"""One schema for every line that Doorward logs, whichever part it comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import msgspec

from doorward.audit import DecisionEvent, escape_for_log

Level = Literal["debug", "info", "warning", "error"]
Party = Literal["guard", "gateway", "authorization-server", "process"]

_COMMON = frozenset({"time", "correlation_id", "decision", "reason"})
_ALARMS = (".reused", ".failed", ".changed", ".differs", ".refused")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One line: what happened, when, where, and in which request.

    ``time`` is in seconds since 1970. ``event`` and ``reason`` are stable words. ``message`` is a
    sentence of a library. ``facts`` depend on the event; no value holds a token or a secret.
    """

    time: float
    level: Level
    party: Party
    event: str
    decision: str = ""
    reason: str = ""
    correlation_id: str = ""
    message: str = ""
    facts: Mapping[str, Any] = {}


def record_of(party: Party, event: DecisionEvent, name: str) -> Record:
    """Return the record of a decision; what not all events have is in ``facts``."""
    facts = {key: value for key, value in _facts(event) if value not in (None, "", frozenset())}
    return Record(
        time=event.time,
        level=_level(event, name, facts),
        party=party,
        event=name,
        decision=event.decision,
        reason=event.reason,
        correlation_id=event.correlation_id,
        facts=facts,
    )


def process_record(event: str, now: float, facts: Mapping[str, Any]) -> Record:
    """Return the record of something that the process itself did, such as its start."""
    failed = event.endswith(".failed")
    level: Level = "error" if failed else "warning" if event.endswith(_ALARMS) else "info"
    return Record(time=now, level=level, party="process", event=event, facts=escaped(facts))


def escaped(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts with all text escaped for a log."""
    return {
        name: escape_for_log(value) if isinstance(value, str) else value
        for name, value in facts.items()
    }


def _facts(event: DecisionEvent) -> Iterable[tuple[str, Any]]:
    facts = getattr(event, "facts", None)
    if facts is not None:
        return escaped(facts).items()
    if isinstance(event, msgspec.Struct):
        # A guard has escaped its events.
        return ((key, getattr(event, key)) for key in event.__struct_fields__ if key not in _COMMON)
    assert is_dataclass(event)
    named = {one.name: getattr(event, one.name) for one in fields(event)}
    return escaped({key: one for key, one in named.items() if key not in _COMMON}).items()


def _level(event: DecisionEvent, name: str, facts: Mapping[str, Any]) -> Level:
    status = facts.get("status")
    if isinstance(status, int) and status >= 500:
        return "error"
    if event.decision == "refused" or name.endswith(_ALARMS):
        return "warning"
    return "info"
