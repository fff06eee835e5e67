"""How often something may be done that strangers can cause."""


class TokenBucket:
    """
    So many at once, and one more every ``every`` seconds; what is not used is saved up to ``most``.

    Whoever uses it all up delays the others by ``every`` seconds at most, however long it goes on.
    """

    def __init__(self, most: int, every: float) -> None:
        self._saved = (most - 1) * every
        self._every = every
        self._next = float("-inf")

    def take(self, now: float) -> bool:
        """Take one if there is one, and say so."""
        if self._next > now + self._every:
            # No turn is ever that far away: the clock was set back.
            self._next = now
        due = max(self._next, now - self._saved)
        if not due <= now:
            return False
        self._next = due + self._every
        return True
