"""The clock as an argument, so that tests choose the time; and a span of time."""

from collections.abc import Callable
from dataclasses import dataclass

# Seconds since 1970, as ``time.time`` gives them.
Clock = Callable[[], float]

# For how many seconds what was made here may lie in the future: clocks of two machines differ, and
# time servers correct them. A clock that was set back further must not bring anything back to life.
CLOCK_SKEW = 60


@dataclass(frozen=True, slots=True)
class Span:
    """
    A time range in seconds since 1970: ``since`` is in it, ``until`` is not.

    It has a beginning because clocks are set back. A pause or a cached value that only has an end
    would then last longer.
    """

    since: float
    until: float

    def holds(self, now: float) -> bool:
        """Return whether ``now`` is in the range."""
        return self.since <= now < self.until


ALWAYS = Span(float("-inf"), float("inf"))
NEVER = Span(float("-inf"), float("-inf"))
