"""How long one client is waited for."""

from collections.abc import Callable

# A request is given half a minute, and a second more for every 4 kB of it that came.
SLOWEST = 30.0
BYTES_PER_SECOND = 4096
# A client that takes nothing of what waits for it, for so long, takes no more of it.
LONGEST_STANDSTILL = 60.0


class Timeouts:
    """
    How long a client is waited for: to finish its request, to send the next one, to take an answer.

    ``since`` is when the wait for the client began, None while it waits for us; ``came`` is how many
    bytes of a request came meanwhile, and 0 between two of them; ``written`` is all that was ever
    sent. Who holds the connection keeps them, at every request, and looks now and then.
    """

    __slots__ = ("_clock", "_keep_alive", "_stands_since", "_taken", "came", "since", "written")

    def __init__(self, clock: Callable[[], float], keep_alive: float) -> None:
        self._clock = clock
        self._keep_alive = keep_alive
        self.since: float | None = None
        self.came = self.written = 0
        # How much had been taken at the last look, and since when no more.
        self._taken = 0
        self._stands_since = clock()

    def begin(self) -> None:
        """Wait for the client from now on."""
        self.since = self._clock()

    def is_over(self) -> bool:
        """Say whether the client was waited for long enough."""
        if self.since is None:
            return False
        limit = SLOWEST + self.came / BYTES_PER_SECOND if self.came else self._keep_alive
        return self._clock() - self.since >= limit

    def stands_still(self, unsent: int) -> bool:
        """Say whether the client takes nothing of what is ``unsent``; to be asked now and then."""
        taken, now = self.written - unsent, self._clock()
        if not unsent or taken != self._taken:
            self._taken, self._stands_since = taken, now
        return now - self._stands_since >= LONGEST_STANDSTILL
