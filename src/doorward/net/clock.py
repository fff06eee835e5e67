"""Time as an argument, so that no test waits for it; and how long something lasts."""

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
    From when until when something lasts, in seconds since 1970.

    It has a beginning because clocks are set back: what goes by its end alone, such as a pause or
    what is believed of somebody, would last for as much longer.
    """

    since: float
    until: float

    def holds(self, now: float) -> bool:
        """Say whether ``now`` is in it; before its beginning it is over as well."""
        return self.since <= now < self.until


ALWAYS = Span(float("-inf"), float("inf"))
NEVER = Span(float("-inf"), float("-inf"))
