"""What people type as one word and mean as several: scopes, spans of time."""

import re

from doorward.cli.problems import UsageProblem
from doorward.wire.oauth.scope import parse_scope

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def words(text: str) -> frozenset[str]:
    """
    Return the words in ``text``, separated by commas or spaces.

    Raises:
        UsageProblem: one of them can be no scope and no role.
    """
    found = parse_scope(" ".join(text.replace(",", " ").split()))
    if found is None:
        raise UsageProblem(
            "malformed-scope", f"{text!r} is not a list.", "Separate words by commas."
        )
    return found


def seconds(span: str) -> int:
    """
    Return the seconds in ``90s``, ``30m``, ``8h`` or ``2d``.

    Raises:
        UsageProblem: it is written otherwise, or is none.
    """
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", span)
    if match is None or int(match[1]) == 0:
        raise UsageProblem(
            "malformed-span", f"{span!r} is not a span of time.", "Write 90s, 30m, 8h or 2d."
        )
    return int(match[1]) * _UNITS[match[2]]
