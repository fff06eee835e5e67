"""How often, and how many at once, one caller may do what a rule decides."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from limits import parse

from doorward.guard.refusals import TooManyAtOnce, TooManyCalls
from doorward.identity import Identity
from doorward.net.clock import Clock, TimeRange
from doorward.net.rate_counters import InMemoryCounters
from doorward.policy.call_limits import RuleLimit

Release = Callable[[], None]


class Counted(Protocol):
    """How often a key was counted, and in which window."""

    @property
    def count(self) -> int:
        """The number of calls in the window, with this one."""

    @property
    def window(self) -> TimeRange:
        """The window."""


class SharedCounters(Protocol):
    """Counters that several processes share."""

    def add(self, key: str, period: int) -> Awaitable[Counted]:
        """
        Add one to ``key`` and return the count in its window of ``period`` seconds.

        Raises:
            Unavailable: 503; nobody knows the count, so the call is not served.
        """


class CallLimits:
    """
    The counters of one guard.

    A caller is counted by issuer and subject: with the client as well, users could register another
    one for a new count. Callers without a token are counted by network address.

    Rates are counted in ``shared``, or in this process without it. Concurrent calls are always counted
    in this process.
    """

    def __init__(self, clock: Clock, shared: SharedCounters | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._own = InMemoryCounters(clock)
        self._running: Counter[tuple[str, str]] = Counter()

    async def admit(self, limits: Sequence[RuleLimit], who: str) -> Release:
        """
        Count a call of ``who``, and return what is to be called when the call has ended.

        Raises:
            TooManyAtOnce: 429.
            TooManyCalls: 429, with the seconds to wait.
            Unavailable: 503, the shared counters cannot be reached.
        """
        slots = [(one.rule, who) for one in limits if one.limit.concurrent is not None]
        self._require_free(limits, who)
        # Taken before anything is awaited: otherwise all calls of one moment would find a free slot.
        self._running.update(slots)
        try:
            for one in limits:
                if one.limit.rate is not None:
                    await self._count(one.rule, one.limit.rate, who)
        except BaseException:
            self._release(slots)
            raise
        return lambda: self._release(slots)

    def _require_free(self, limits: Sequence[RuleLimit], who: str) -> None:
        for one in limits:
            most = one.limit.concurrent
            if most is not None and self._running[one.rule, who] >= most:
                raise TooManyAtOnce(f"{one.rule or 'base'}: {most} calls of {who!r} are running")

    def _release(self, slots: Sequence[tuple[str, str]]) -> None:
        self._running.subtract(slots)
        for one in slots:
            if self._running[one] <= 0:
                # Callers are many: only those with a call in progress take memory.
                del self._running[one]

    async def _count(self, rule: str, rate: str, who: str) -> None:
        item = parse(rate)
        key, period = item.key_for("call", rule, who), item.get_expiry()
        if self._shared is None:
            count, ends = self._own.incr(key, period), self._own.get_expiry(key)
        else:
            counted = await self._shared.add(key, period)
            count, ends = counted.count, counted.window.until
        if count > item.amount:
            wait = max(1, int(ends - self._clock()) + 1)
            raise TooManyCalls(f"{rule or 'base'}: more than {item} by {who!r}", retry_after=wait)


def counted_as(caller: Identity | None, address: str) -> str:
    """Return under what a request is counted: the caller, or the network address without one."""
    # No issuer contains a space, so the first one ends it. An address has no issuer.
    return f" {address}" if caller is None else f"{caller.issuer} {caller.subject}"
