"""Attempts as JSON: what ``doorward story`` and the doctor read."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from doorward.operations.story.ending import ending
from doorward.operations.story.hop import Attempt

FIELDS = tuple(name for name in Attempt.__struct_fields__ if name != "hops")


def as_json(attempts: Iterable[Attempt], now: float) -> dict[str, Any]:
    """Return the document of ``attempts``, each with its ending and its hops."""
    return {
        "time": now,
        "attempts": [
            {
                **{name: getattr(one, name) for name in FIELDS},
                "state": ending(one, now).state,
                "ending": ending(one, now).text,
                "hops": [
                    msgspec.to_builtins(hop) | {"refused": hop.is_refused} for hop in one.hops
                ],
            }
            for one in attempts
        ],
    }


def from_json(document: Mapping[str, Any]) -> tuple[float, tuple[Attempt, ...]]:
    """
    Return the time and the attempts of a document.

    Raises:
        ValueError: it is none of ``as_json``.
    """
    try:
        return float(document["time"]), msgspec.convert(document["attempts"], tuple[Attempt, ...])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ValueError(str(error)) from None
