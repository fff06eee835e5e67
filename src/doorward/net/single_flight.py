"""Ask once for what many wait for, and keep the answer for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from doorward.net.clock import Clock, Span

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """
    At most one load per key at a time; whoever asks meanwhile gets the same answer or exception.

    A waiter that is cancelled leaves; the load goes on for the others, and ends by its own limits
    when there are none.
    """

    def __init__(self) -> None:
        self._flying: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """Return what ``load`` gives, starting it only when no load for ``key`` is under way."""
        task = self._flying.get(key)
        if task is None:
            task = asyncio.create_task(_awaited(load))
            self._flying[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        # Without the shield, the first waiter to hang up takes the load away from all others. It also
        # sees a failure for which nobody waits any more.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """End every load that is under way; whoever waits for one is cancelled with it."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    def in_flight(self, key: K) -> bool:
        """Say whether a load for ``key`` is under way, so that ``run`` would join it."""
        return key in self._flying

    def _landed(self, key: K, task: asyncio.Task[V]) -> None:
        if self._flying.get(key) is task:
            del self._flying[key]


async def _awaited(load: Callable[[], Awaitable[V]]) -> V:
    return await load()


@dataclass(frozen=True, slots=True)
class Expiring(Generic[V]):
    """What a load gives: the value, and for how many seconds its author lets it be kept."""

    value: V
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    span: Span


class SingleFlightCache(Generic[K, V]):
    """
    A bounded cache with one load per key in flight.

    A value is kept for its own ``max_age``, but never shorter than ``floor`` nor longer than
    ``ceiling`` seconds; without one, for ``floor``. The least recently used of more than
    ``entries`` values goes. An exception is never kept: to remember a refusal, let ``load``
    return a value that means it.

    Spec: draft-ietf-oauth-client-id-metadata-document §4.4; RFC 9111 §4.2
    """

    def __init__(self, *, floor: float, ceiling: float, entries: int, clock: Clock) -> None:
        self._floor = floor
        self._ceiling = ceiling
        self._entries = entries
        self._clock = clock
        self._kept: dict[K, _Kept[V]] = {}
        self._flights: SingleFlight[tuple[K, Hashable], V] = SingleFlight()

    def __len__(self) -> int:
        return len(self._kept)

    def peek(self, key: K) -> V | None:
        """Return the value that is kept for ``key`` and still good, without loading."""
        kept = self._good(key)
        return None if kept is None else kept.value

    async def get(
        self, key: K, load: Callable[[], Awaitable[Expiring[V]]], *, asker: Hashable = None
    ) -> V:
        """
        Return the value for ``key``: the kept one while it is good, else what ``load`` gives.

        Only loads of the same ``asker`` are waited for; what they give is kept for all.

        Raises:
            Exception: whatever ``load`` raises, to everybody who waited for it.
        """
        kept = self._good(key)
        if kept is not None:
            return kept.value
        return await self._flights.run((key, asker), lambda: self._load(key, load))

    def forget(self, key: K) -> None:
        """Drop what is kept for ``key``."""
        self._kept.pop(key, None)

    def _good(self, key: K) -> _Kept[V] | None:
        kept = self._kept.get(key)
        if kept is None or not kept.span.holds(self._clock()):
            return None
        self._kept[key] = self._kept.pop(key)  # now the most recently used
        return kept

    async def _load(self, key: K, load: Callable[[], Awaitable[Expiring[V]]]) -> V:
        loaded = await load()
        wanted = self._floor if loaded.max_age is None else loaded.max_age
        life = min(max(wanted, self._floor), self._ceiling)
        self._kept.pop(key, None)
        now = self._clock()
        self._kept[key] = _Kept(loaded.value, Span(now, now + life))
        while len(self._kept) > self._entries:
            del self._kept[next(iter(self._kept))]
        return loaded.value
