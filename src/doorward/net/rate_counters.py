"""Counters of rate limits in this process."""

from collections import OrderedDict

from limits.storage import Storage

from doorward.net.clock import NEVER, Clock, TimeRange

_MOST_COUNTERS = 50_000


class InMemoryCounters(Storage):
    """
    Counters in this process, with the server's clock and a maximum number of keys.

    The storage of ``limits`` reads the wall clock and never drops a key, and an attacker can create
    a key with every new address.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        # Each key has a count and the window that it counts in.
        self._counters: OrderedDict[str, tuple[int, TimeRange]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """The exceptions of this storage; nothing raises one."""
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to ``key`` and return the count in the current window."""
        now = self._clock()
        count, window = self._counters.get(key, (0, NEVER))
        if not window.contains(now):
            count, window = 0, TimeRange(now, now + expiry)
        self.keep(key, count + amount, window)
        return count + amount

    def get(self, key: str) -> int:
        """Return the count under ``key``."""
        count, window = self._counters.get(key, (0, NEVER))
        return count if window.contains(self._clock()) else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window of ``key`` ends."""
        found = self._counters.get(key)
        return self._clock() if found is None else found[1].until

    def check(self) -> bool:
        """Return ``True``: the storage is always available."""
        return True

    def reset(self) -> int | None:
        """Remove every counter and return how many there were."""
        forgotten = len(self._counters)
        self._counters.clear()
        return forgotten

    def keep(self, key: str, count: int, window: TimeRange) -> None:
        """Keep a count that was made elsewhere."""
        self._counters[key] = (count, window)
        self._counters.move_to_end(key)
        while len(self._counters) > _MOST_COUNTERS:
            self._counters.popitem(last=False)

    def clear(self, key: str) -> None:
        """Remove the counter of ``key``."""
        self._counters.pop(key, None)
