"""Leaving a service in peace that does not answer, so that nobody waits for it in vain."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import TypeVar

from doorward.errors import DoorwardError, Unavailable
from doorward.net import NEVER, Clock, Span

V = TypeVar("V")

# For how many seconds nobody asks again after a silence.
RETRY = 5
# What a service answers that is busy or away, whatever it was asked. A 500 may be about this one
# question, and whoever can cause one must not lock the others out.
BUSY = frozenset({429, 502, 503, 504})


class CircuitBreaker:
    """
    Lets questions through to a service, and after an outage none for a while.

    A failure says itself whether it is an outage: an ``Unavailable`` whose ``hold`` is a number of
    seconds. For so long everybody is refused at once, with the seconds that are left. Then one
    question goes out, and the others are refused until it is answered: they would wait together for
    the same time-out again. Every other failure is an answer, and ends the pause.

    A failure that is ``silent`` got no answer at all. It is no outage when somebody else was answered
    meanwhile: one caller's token may be slow to judge, and must not lock the others out.

    ``refuse`` makes the refusal, of the reason and the seconds.
    """

    def __init__(self, refuse: Callable[[str, int], Unavailable], clock: Clock) -> None:
        self._refuse = refuse
        self._clock = clock
        self._pause = NEVER
        # Why nobody is asked; None since the last answer.
        self._because: str | None = None
        self._trying = False
        self._answers = 0

    async def ask(self, question: Callable[[], Awaitable[V]]) -> V:
        """
        Return what ``question`` gives.

        Raises:
            Unavailable: what ``refuse`` makes; nothing was asked.
            DoorwardError: whatever the question raises.
        """
        tries = self._begin()
        answers = self._answers
        try:
            found = await question()
        except Unavailable as failure:
            self._failed(failure, answers)
            raise
        except DoorwardError:
            self._answered()
            raise
        finally:
            # Also when whoever asked hangs up: the next one tries.
            if tries:
                self._trying = False
        self._answered()
        return found

    def _begin(self) -> bool:
        """Refuse in the pause; else say whether this is the one question after it."""
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
