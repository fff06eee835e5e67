"""How often something may be asked, per address, per name and in all."""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import HTTPConnection

from doorward.authserver.refusals import TooManyRequests
from doorward.net.clock import NEVER, Clock, Span

_MOST_COUNTERS = 50_000


class InMemoryCounters(Storage):
    """
    Counters of this process, on the server's own clock and bounded in number.

    The storage that comes with ``limits`` reads the wall clock and keeps every key it ever saw,
    which is one per address that an attacker can invent.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        # How many, and their window.
        self._counters: OrderedDict[str, tuple[int, Span]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing in here fails."""
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` more under ``key`` and return the count of its window."""
        now = self._clock()
        count, window = self._counters.get(key, (0, NEVER))
        if not window.holds(now):
            count, window = 0, Span(now, now + expiry)
        self._counters[key] = (count + amount, window)
        self._counters.move_to_end(key)
        while len(self._counters) > _MOST_COUNTERS:
            self._counters.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        """Return the count under ``key``."""
        count, window = self._counters.get(key, (0, NEVER))
        return count if window.holds(self._clock()) else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window of ``key`` ends."""
        found = self._counters.get(key)
        return self._clock() if found is None else found[1].until

    def check(self) -> bool:
        """Say that this storage works."""
        return True

    def reset(self) -> int | None:
        """Forget every counter."""
        forgotten = len(self._counters)
        self._counters.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget the counter of ``key``."""
        self._counters.pop(key, None)


class RateLimits:
    """Refuses what comes too often."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._storage = InMemoryCounters(clock)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._items: dict[str, RateLimitItem] = {}

    def count(self, rate: str, *keys: str) -> None:
        """
        Count one request under ``keys``, at most ``rate`` (``"20/hour"``) of them.

        Raises:
            TooManyRequests: 429, with the seconds to wait.
        """
        item = self._item(rate)
        if not self._limiter.hit(item, *keys):
            raise self._refusal(item, keys)

    def require_below_limit(self, rate: str, *keys: str) -> None:
        """
        Refuse when ``keys`` are used up already; does not count.

        Raises:
            TooManyRequests: 429.
        """
        item = self._item(rate)
        if not self._limiter.test(item, *keys):
            raise self._refusal(item, keys)

    def uncount(self, rate: str, *keys: str) -> None:
        """Take one count back: it was none of what is limited."""
        item = self._item(rate)
        # A window that has ended meanwhile has nothing to give back.
        if self._storage.get(item.key_for(*keys)) > 0:
            self._storage.incr(item.key_for(*keys), item.get_expiry(), -1)

    def _item(self, rate: str) -> RateLimitItem:
        return self._items.setdefault(rate, parse(rate))

    def _refusal(self, item: RateLimitItem, keys: Sequence[str]) -> TooManyRequests:
        ends = self._storage.get_expiry(item.key_for(*keys))
        wait = max(1, int(ends - self._clock()) + 1)
        return TooManyRequests(f"more than {item} for {keys[0]}", retry_after=wait)


def address_key(connection: HTTPConnection, trusted_proxies: Sequence[str]) -> str:
    """
    Return whom to count a request under: an IPv4 address, or the /64 of an IPv6 one.

    ``X-Forwarded-For`` counts only when the peer itself is a trusted proxy, and then the rightmost
    address that is not one: everything further left was written by whoever asked.
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


def _normalised(host: str) -> str:
    address = _address(host)
    if address is None:
        # One shared bucket: text that is no address must not make a fresh key for every request.
        return "unknown"
    # Everybody with IPv6 has at least 2^64 addresses; limiting one at a time limits nobody.
    prefix = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
