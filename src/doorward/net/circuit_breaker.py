"""A circuit breaker: after an outage, calls fail immediately until the service recovers."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import TypeVar

from doorward.errors import DoorwardError, Unavailable
from doorward.net import NEVER, Clock, TimeRange

V = TypeVar("V")

# How many seconds to wait after a call that got no response.
RETRY = 5
# Statuses of a service that is busy or down. Without 500, which can be about a single request: a
# caller who can cause it must not block the others.
BUSY = frozenset({429, 502, 503, 504})


class CircuitBreaker:
    """
    Passes calls to a service, and refuses them for a while after an outage.

    An ``Unavailable`` with ``hold`` seconds opens the circuit. Until they have passed, every call is
    refused with the seconds that are left. Then one trial call passes. The others are refused until it
    returns, because all would wait for the same timeout. Any other failure closes the circuit.

    A ``silent`` failure got no response. It does not open the circuit if another call got one in the
    meantime: one slow token must not block the other callers.

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
        left = self._pause.until - now if self._pause.contains(now) else 0
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
        longest = self._pause.until if self._pause.contains(now) else now
        self._pause = TimeRange(now, max(longest, now + failure.hold))

    def _answered(self) -> None:
        self._answers += 1
        self._because = None
        self._pause = NEVER
