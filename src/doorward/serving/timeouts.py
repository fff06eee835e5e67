"""Time limits for one client."""

from collections.abc import Callable

# A request may take 30 seconds, and one second more for every 4 kB received.
REQUEST_TIMEOUT = 30.0
MIN_BYTES_PER_SECOND = 4096
# A client that reads nothing of a pending response for so long is disconnected.
STALL_TIMEOUT = 60.0


class Timeouts:
    """
    Time limits for a client to finish its request, to send the next one, and to read a response.

    ``since`` is when the wait for the client began, None while the client waits. ``received`` counts
    the bytes of the current request, 0 between requests. ``written`` counts all bytes ever written.
    The connection updates the three and checks the limits at intervals.
    """

    __slots__ = (
        "_clock",
        "_delivered",
        "_keep_alive",
        "_stalled_since",
        "received",
        "since",
        "written",
    )

    def __init__(self, clock: Callable[[], float], keep_alive: float) -> None:
        self._clock = clock
        self._keep_alive = keep_alive
        self.since: float | None = None
        self.received = self.written = 0
        # How much the client had read at the last check, and since when nothing more.
        self._delivered = 0
        self._stalled_since = clock()

    def begin(self) -> None:
        """Start the wait for the client."""
        self.since = self._clock()

    def is_over(self) -> bool:
        """Return whether the limit for the request, or for keep-alive, is exceeded."""
        if self.since is None:
            return False
        limit = (
            REQUEST_TIMEOUT + self.received / MIN_BYTES_PER_SECOND
            if self.received
            else self._keep_alive
        )
        return self._clock() - self.since >= limit

    def is_stalled(self, unsent: int) -> bool:
        """Return whether the client reads nothing of the ``unsent`` bytes; call it at intervals."""
        taken, now = self.written - unsent, self._clock()
        if not unsent or taken != self._delivered:
            self._delivered, self._stalled_since = taken, now
        return now - self._stalled_since >= STALL_TIMEOUT
