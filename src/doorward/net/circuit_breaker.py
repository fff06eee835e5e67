"""A circuit breaker: after an outage, callers fail at once while the service recovers."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import TypeVar

from doorward.errors import DoorwardError, Unavailable
from doorward.net import NEVER, Clock, Span

V = TypeVar("V")

# For how many seconds no call is made after a call without an answer.
RETRY = 5
# Statuses of a service that is busy or down. A 500 may be about one request only, and a caller who can
# cause it must not lock out the others.
BUSY = frozenset({429, 502, 503, 504})


class CircuitBreaker:
    """
    Passes calls to a service, and refuses them for a while after an outage.

    An ``Unavailable`` with ``hold`` seconds opens the circuit. For so long every call is refused at
    once, with the seconds that are left. Then one call is let through, and the others are refused until
    it returns: otherwise all would wait for the same timeout. Any other failure closes the circuit.

    A ``silent`` failure got no answer. It does not open the circuit if another call was answered
    meanwhile: one slow token must not lock out the other callers.

    ``refuse`` makes the exception from the reason and the seconds.
    """

    def __init__(self, refuse: Callable[[str, int], Unavailable], clock: Clock) -> None:
        self._refuse = refuse
        self._clock = clock
        self._pause = NEVER
        # Why the circuit is open; None while it is closed.
        self._because: str | None = None
        self._trying = False
        self._answers = 0

    async def call(self, function: Callable[[], Awaitable[V]]) -> V:
        """
        Return the result of ``function``.

        Raises:
            Unavailable: made by ``refuse``; ``function`` was not called.
            DoorwardError: whatever ``function`` raises.
        """
        tries = self._begin()
        answers = self._answers
        try:
            found = await function()
        except Unavailable as failure:
            self._failed(failure, answers)
            raise
        except DoorwardError:
            self._answered()
            raise
        finally:
            # Also when the caller is cancelled: the next caller tries.
            if tries:
                self._trying = False
        self._answered()
        return found

    def _begin(self) -> bool:
        """Refuse while the circuit is open; return whether this is the trial call after it."""
        if self._because is None:
            return False
        now = self._clock()
        left = self._pause.until - now if self._pause.holds(now) else 0
        if left > 0 or self._trying:
            raise self._refuse(self._because, max(1, ceil(left)) if left > 0 else RETRY)
        self._trying = True
        return True

    def _failed(self, failure: Unavailable, answers: int) -> None:
        if not failure.hold:
            self._answered()
            return
        if failure.silent and self._answers != answers:
            return
        self._because = failure.detail
        now = self._clock()
        longest = self._pause.until if self._pause.holds(now) else now
        self._pause = Span(now, max(longest, now + failure.hold))

    def _answered(self) -> None:
        self._answers += 1
        self._because = None
        self._pause = NEVER
