"""Which tokens came before, roughly, and in little room."""

_LATEST = 255


class SeenFilter:
    """
    Tells a token that came before from one that comes for the first time.

    Wrong now and then, both ways: two tokens may share a mark, and after ``most`` others a token that
    did not come again is a new one. So this says what is worth looking for, and never who somebody is.
    Takes some 8 to 16 bytes for each of ``most``.
    """

    def __init__(self, most: int) -> None:
        # Eight marks for each token, so that few share one.
        size = 1 << (8 * most).bit_length()
        self._marks = bytearray(size)
        self._within = size - 1
        self._most = self._left = most
        # Marks carry the number of their time; what is older than the time before is no mark.
        self._time = 2

    def again(self, token: bytes) -> bool:
        """Say whether ``token`` came before, and if so, that it came now."""
        # Python's own hash of bytes, which nobody outside this process can foresee.
        place = hash(token) & self._within
        if self._marks[place] < self._time - 1:
            return False
        self._marks[place] = self._time
        return True

    def add(self, token: bytes) -> None:
        """Take note of a token that came for the first time."""
        if not self._left:
            self._begin_another_time()
        self._left -= 1
        self._marks[hash(token) & self._within] = self._time

    def _begin_another_time(self) -> None:
        self._left = self._most
        self._time += 1
        if self._time > _LATEST:
            self.clear()

    def clear(self) -> None:
        """Forget every token."""
        self._marks = bytearray(len(self._marks))
        self._time = 2
