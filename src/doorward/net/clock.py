"""The type of a clock, which tests replace, and a time range."""

from collections.abc import Callable
from dataclasses import dataclass

# Seconds since 1970, as ``time.time`` gives them.
Clock = Callable[[], float]

# How many seconds a timestamp may be in the future: clocks of two machines differ, and time servers
# correct them. A clock that is set back further must not make an expired value valid again.
CLOCK_SKEW = 60

# How many seconds an expired token is still accepted, unless a guard says otherwise.
LEEWAY = 30.0


@dataclass(frozen=True, slots=True)
class TimeRange:
    """
    A time range in seconds since 1970, from ``since`` (included) to ``until`` (excluded).

    A clock can be set back. A pause or a cached value without a start would then last longer.
    """

    since: float
    until: float

    def contains(self, now: float) -> bool:
        """Return whether ``now`` is in the range."""
        return self.since <= now < self.until


ALWAYS = TimeRange(float("-inf"), float("inf"))
NEVER = TimeRange(float("-inf"), float("-inf"))
