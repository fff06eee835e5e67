"""A filter of tokens that were presented before: approximate, and small."""

_LAST_PERIOD = 255


class SeenFilter:
    """
    Tells a token that was presented before from one that is new, approximately.

    It errs both ways: two tokens can share a slot, and a token that is not presented again is
    forgotten after ``capacity`` others. So it decides what is worth caching, and never who the
    caller is. It takes 8 to 16 bytes for each of ``capacity`` tokens.
    """

    def __init__(self, capacity: int) -> None:
        # Eight slots for each token, so that few share one.
        size = 1 << (8 * capacity).bit_length()
        self._slots = bytearray(size)
        self._mask = size - 1
        self._capacity = self._left = capacity
        # A slot holds the period in which its token was last seen. Two periods count: this one and
        # the one before.
        self._period = 2

    def seen_before(self, token: bytes) -> bool:
        """Say whether ``token`` was seen before; if so, it counts as seen now."""
        # Python's own hash of bytes: its key is random, so nobody outside can choose collisions.
        slot = hash(token) & self._mask
        if self._slots[slot] < self._period - 1:
            return False
        self._slots[slot] = self._period
        return True

    def add(self, token: bytes) -> None:
        """Record a token that is new."""
        if not self._left:
            self._begin_period()
        self._left -= 1
        self._slots[hash(token) & self._mask] = self._period

    def _begin_period(self) -> None:
        self._left = self._capacity
        self._period += 1
        if self._period > _LAST_PERIOD:
            self.clear()

    def clear(self) -> None:
        """Forget every token."""
        self._slots = bytearray(len(self._slots))
        self._period = 2
