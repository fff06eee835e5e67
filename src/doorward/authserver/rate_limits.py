"""Rate limits per network address, per username and in total."""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import HTTPConnection

from doorward.authserver.refusals import TooManyRequests
from doorward.authserver.store.rate_counters import RateCounters
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


def address_key(connection: HTTPConnection, trusted_proxies: Sequence[str]) -> str:
    """
    Return the key that a request is counted under: an IPv4 address, or the /64 of an IPv6 address.

    ``X-Forwarded-For`` is read only from a trusted proxy. The rightmost address that is not a
    trusted proxy counts; the client can write everything to the left of it.
    """
    peer = connection.client.host if connection.client else "unknown"
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and _is_trusted(peer, trusted_proxies):
        peer = hops.pop()
    return _normalised(peer)


def _is_trusted(host: str, trusted_proxies: Sequence[str]) -> bool:
    address = _address(host)
    if address is None:
        return False
    networks = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]
    return any(address in network for network in networks)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(1024)
def _normalised(host: str) -> str:
    address = _address(host)
    if address is None:
        # One shared key: text that is not an address must not create a new key for each request.
        return "unknown"
    # An IPv6 user has at least 2^64 addresses, so a limit per address would limit nobody.
    prefix = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
