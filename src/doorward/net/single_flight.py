"""One load for all concurrent callers, and a cache whose entries expire."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from doorward.net.clock import Clock, TimeRange

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """
    At most one load per key at a time; concurrent callers get the same result or exception.

    When a caller is cancelled, the load continues for the others, or until its own timeout.
    """

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """Return the result of ``load``; join the load for ``key`` that is in flight, if there is one."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(_awaited(load))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._remove(key, done))
        # Without the shield, the first cancelled caller would cancel the load for all. The shield also
        # retrieves an exception that no caller awaits any more.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Cancel every load in flight, and its callers with it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def in_flight(self, key: K) -> bool:
        """Return whether a load for ``key`` is in flight."""
        return key in self._tasks

    def _remove(self, key: K, task: asyncio.Task[V]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]


async def _awaited(load: Callable[[], Awaitable[V]]) -> V:
    return await load()


@dataclass(frozen=True, slots=True)
class Expiring(Generic[V]):
    """The result of a load: the value, and how many seconds it may be cached."""

    value: V
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    valid: TimeRange


class SingleFlightCache(Generic[K, V]):
    """
    A bounded cache with one load per key in flight.

    A value is cached for its ``max_age``, but at least ``floor`` and at most ``ceiling`` seconds;
    without ``max_age``, for ``floor``. Beyond ``entries`` values, the least recently used one is
    dropped. An exception is never cached: to cache a refusal, let ``load`` return a value for it.

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
        """Return the cached value for ``key``, or ``None``; never load."""
        kept = self._good(key)
        return None if kept is None else kept.value

    async def get(
        self, key: K, load: Callable[[], Awaitable[Expiring[V]]], *, asker: Hashable = None
    ) -> V:
        """
        Return the value for ``key``, from the cache or from ``load``.

        Only loads of the same ``asker`` are joined; their results are cached for all.

        Raises:
            Exception: whatever ``load`` raises, to each caller that joined it.
        """
        kept = self._good(key)
        if kept is not None:
            return kept.value
        return await self._flights.run((key, asker), lambda: self._load(key, load))

    def forget(self, key: K) -> None:
        """Drop the cached value for ``key``."""
        self._kept.pop(key, None)

    def _good(self, key: K) -> _Kept[V] | None:
        kept = self._kept.get(key)
        if kept is None or not kept.valid.contains(self._clock()):
            return None
        self._kept[key] = self._kept.pop(key)  # now the most recently used
        return kept

    async def _load(self, key: K, load: Callable[[], Awaitable[Expiring[V]]]) -> V:
        loaded = await load()
        wanted = self._floor if loaded.max_age is None else loaded.max_age
        life = min(max(wanted, self._floor), self._ceiling)
        self._kept.pop(key, None)
        now = self._clock()
        self._kept[key] = _Kept(loaded.value, TimeRange(now, now + life))
        while len(self._kept) > self._entries:
            del self._kept[next(iter(self._kept))]
        return loaded.value
