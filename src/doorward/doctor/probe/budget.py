"""How many requests and seconds one run may spend."""

import anyio

_CLEAN_UP_REQUESTS, _CLEAN_UP_SECONDS = 4, 5.0
MOST_REQUESTS = 100 - _CLEAN_UP_REQUESTS
MOST_SECONDS = 60.0 - _CLEAN_UP_SECONDS
SECONDS_PER_HOP = 12.0
"""Seconds for the whole of one answer; hosted clients give up after about ten."""


class Budget:
    """
    The requests and seconds of one run.

    ``pause`` stops the clock, for the time in which a person signs in.
    """

    def __init__(
        self,
        requests: int = MOST_REQUESTS,
        seconds: float = MOST_SECONDS,
        per_hop: float = SECONDS_PER_HOP,
    ) -> None:
        self.requests = requests
        self.seconds = seconds
        self.per_hop = per_hop
        self._begun: float | None = None

    def start(self) -> None:
        """Start the clock, also after a pause."""
        if self._begun is None:
            self._begun = anyio.current_time()

    def pause(self) -> None:
        """Stop the clock."""
        if self._begun is not None:
            self.seconds -= anyio.current_time() - self._begun
            self._begun = None

    def allow_clean_up(self) -> None:
        """Allow the few requests that delete what the run created, whatever is spent."""
        self.requests = max(self.requests, _CLEAN_UP_REQUESTS)
        if self.left() < _CLEAN_UP_SECONDS:
            self.seconds += _CLEAN_UP_SECONDS - self.left()

    def spent(self) -> str:
        """Return what is used up: ``requests``, ``time``, or ``""``."""
        if self.requests <= 0:
            return "requests"
        return "time" if self.left() <= 0 else ""

    def left(self) -> float:
        """Return the seconds that are left."""
        passed = 0.0 if self._begun is None else anyio.current_time() - self._begun
        return self.seconds - passed

    def take(self, wanted: float | None = None) -> float:
        """Count one request, and return the seconds that it may take: at most ``wanted``."""
        self.requests -= 1
        most = self.per_hop if wanted is None else min(wanted, self.per_hop)
        return max(min(most, self.left()), 0.0)
