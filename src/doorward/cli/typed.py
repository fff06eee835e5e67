"""Option values with a format of their own: lists of names, durations."""

import re

from doorward.cli.problems import UsageProblem
from doorward.wire.oauth.scope import parse_scope

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def words(text: str) -> frozenset[str]:
    """
    Return the names in ``text``, separated by commas or spaces.

    Raises:
        UsageProblem: ``malformed-scope``: one of them is not a valid scope (RFC 6749 §3.3).
    """
    return frozenset(ordered_words(text))


def ordered_words(text: str) -> tuple[str, ...]:
    """
    Return the names in ``text``, separated by commas or spaces, each once and in their order.

    Raises:
        UsageProblem: ``malformed-scope``: one of them is not a valid scope (RFC 6749 §3.3).
    """
    found = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if parse_scope(" ".join(found)) is None:
        raise UsageProblem(
            "malformed-scope",
            f"Expected names separated by commas, got {text!r}.",
            "Write, for example, mcp:read,mcp:tools.",
        )
    return found


def seconds(span: str) -> int:
    """
    Return the seconds in ``90s``, ``30m``, ``8h`` or ``2d``.

    Raises:
        UsageProblem: ``malformed-span``: ``span`` has another form, or is zero.
    """
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", span)
    if match is None or int(match[1]) == 0:
        raise UsageProblem(
            "malformed-span", f"Expected a duration, got {span!r}.", "Write 90s, 30m, 8h or 2d."
        )
    return int(match[1]) * _UNITS[match[2]]
