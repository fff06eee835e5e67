"""A rate limit for actions that unauthenticated callers can trigger."""


class TokenBucket:
    """
    Allows ``capacity`` actions at once, and one more every ``interval`` seconds.

    Whoever uses up the bucket delays others by at most ``interval`` seconds.
    """

    def __init__(self, capacity: int, interval: float) -> None:
        self._burst = (capacity - 1) * interval
        self._interval = interval
        self._next = float("-inf")

    def take(self, now: float) -> bool:
        """Say whether an action is allowed now, and count it."""
        if self._next > now + self._interval:
            # The next action is never that far away: the clock was set back.
            self._next = now
        due = max(self._next, now - self._burst)
        if not due <= now:
            return False
        self._next = due + self._interval
        return True
