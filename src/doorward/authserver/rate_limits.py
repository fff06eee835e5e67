"""Rate limits per network address, per username and in total."""

from collections.abc import Sequence

from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter

from doorward.authserver.refusals import TooManyRequests
from doorward.authserver.store.rows.rate_counters import RateCounters
from doorward.net.clock import Clock
from doorward.net.rate_counters import InMemoryCounters


class RateLimits:
    """
    Refuses requests that exceed a rate.

    With ``shared`` counters, all replicas count together, and this process keeps copies of the counts
    that it has seen. Without them, each process counts for itself.
    """

    def __init__(self, clock: Clock, shared: RateCounters | None = None) -> None:
        self._clock = clock
        self._storage = InMemoryCounters(clock)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._items: dict[str, RateLimitItem] = {}
        self._shared = shared

    async def count(self, rate: str, *keys: str) -> None:
        """
        Count one request under ``keys``, and refuse it when it exceeds ``rate`` (``"20/hour"``).

        Raises:
            TooManyRequests: 429, with the seconds to wait.
            StoreUnavailable: 503, the shared counters cannot be reached.
        """
        item = self._item(rate)
        if not await self._hit(item, keys):
            raise self._refusal(item, keys)

    def require_below_limit(self, rate: str, *keys: str) -> None:
        """
        Refuse when ``keys`` have reached ``rate``, as far as this process knows; does not count.

        Raises:
            TooManyRequests: 429.
        """
        item = self._item(rate)
        if not self._limiter.test(item, *keys):
            raise self._refusal(item, keys)

    async def uncount(self, rate: str, *keys: str) -> None:
        """
        Subtract one from ``keys``: the request turned out not to count.

        Raises:
            StoreUnavailable: 503, the shared counters cannot be reached.
        """
        item = self._item(rate)
        # In a window that has ended, there is nothing to subtract.
        if self._storage.get(item.key_for(*keys)) > 0:
            self._storage.incr(item.key_for(*keys), item.get_expiry(), -1)
        if self._shared is not None:
            await self._shared.subtract(item.key_for(*keys), item.get_expiry())

    async def _hit(self, item: RateLimitItem, keys: Sequence[str]) -> bool:
        if self._shared is None:
            return self._limiter.hit(item, *keys)
        key = item.key_for(*keys)
        counted = await self._shared.add(key, item.get_expiry())
        self._storage.keep(key, counted.count, counted.window)
        return counted.count <= item.amount

    def _item(self, rate: str) -> RateLimitItem:
        item = self._items.get(rate)
        if item is None:
            item = self._items[rate] = parse(rate)
        return item

    def _refusal(self, item: RateLimitItem, keys: Sequence[str]) -> TooManyRequests:
        ends = self._storage.get_expiry(item.key_for(*keys))
        wait = max(1, int(ends - self._clock()) + 1)
        return TooManyRequests(f"more than {item} for {keys[0]}", retry_after=wait)
