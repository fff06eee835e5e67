"""The processes of one stdio server: started on first use, limited in number, stopped when idle."""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from doorward.gateway.stdio.child_session import ChildSession
from doorward.gateway.stdio.refusals import (
    StdioServerNotStarted,
    StdioServerRefusal,
    StdioServersBusy,
)
from doorward.gateway.stdio.settings import StdioLimits

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_MOST_PAUSES = 1000
SECONDS_TO_WAIT = 30.0


@dataclass(frozen=True)
class Key:
    """Whose process it is: a user's, and if that client can be asked something, one client's."""

    user: Hashable
    client: Hashable = None


@dataclass(eq=False)
class _Slot:
    key: Key
    starting: "asyncio.Task[ChildSession]"
    users: int = 0
    last_used: float = 0.0

    @property
    def session(self) -> ChildSession | None:
        """The session, once it has started."""
        starting = self.starting
        if not starting.done() or starting.cancelled() or starting.exception() is not None:
            return None
        return starting.result()

    @property
    def has_ended(self) -> bool:
        """Whether it did not start, or the process is gone."""
        session = self.session
        return self.starting.done() and (session is None or not session.alive)

    @property
    def in_use(self) -> bool:
        """Whether a request needs it."""
        session = self.session
        is_busy = session is not None and session.alive and session.busy
        return self.users > 0 or not self.starting.done() or is_busy


Start = Callable[[], Awaitable[ChildSession]]


class StdioProcesses:
    """
    At most ``limits.processes`` sessions, by key.

    Where all are in use, a request waits for its turn, in order of arrival. A process that does not
    start, or ends by itself, is not started again at once: the pause doubles each time.
    """

    def __init__(self, limits: StdioLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._slots: dict[Key, _Slot] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pauses: OrderedDict[Key, tuple[float, float]] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def using(self, key: Key, start: Start) -> AsyncIterator[ChildSession]:
        """
        Give the session of this key, and keep it from being stopped while the block runs.

        Raises:
            StdioServerNotStarted: it does not start, or has just failed to.
            StdioServersBusy: no turn came in time.
        """
        slot = await self._slot(key, start)
        slot.users += 1
        try:
            yield await asyncio.shield(slot.starting)
            self._pauses.pop(key, None)
        except StdioServerRefusal:
            if not slot.starting.cancelled() and slot.starting.done():
                self._failed(slot)
            raise
        finally:
            slot.users -= 1
            slot.last_used = self._clock()
            self._wake()

    async def stop_idle(self, keep: Callable[[Key], bool]) -> None:
        """End each process that nobody used for ``limits.idle`` seconds, unless ``keep`` says so."""
        oldest = self._clock() - self._limits.idle
        idle = [
            one
            for one in self._slots.values()
            if not one.in_use and one.last_used <= oldest and not keep(one.key)
        ]
        for slot in idle:
            self._end(slot)
        await asyncio.gather(*self._ending)

    async def close(self) -> None:
        """End every process."""
        for slot in list(self._slots.values()):
            self._end(slot)
        await asyncio.gather(*self._ending)

    def count_of(self, user: Hashable) -> int:
        """Return how many processes of this user run."""
        return sum(one.key.user == user for one in self._slots.values())

    def __len__(self) -> int:
        """Return how many processes run or end."""
        return len(self._slots) + len(self._ending)

    async def _slot(self, key: Key, start: Start) -> _Slot:
        self._require_no_pause(key)
        try:
            async with asyncio.timeout(SECONDS_TO_WAIT):
                while True:
                    slot = self._slots.get(key)
                    if slot is not None and not slot.has_ended:
                        return slot
                    if slot is not None:
                        self._end(slot)
                    if self._make_room(key):
                        return self._begin(key, start)
                    await self._turn()
        except TimeoutError:
            raise StdioServersBusy(f"{len(self)} processes are in use", retry_after=5) from None

    def _begin(self, key: Key, start: Start) -> _Slot:
        task = asyncio.ensure_future(start())
        slot = _Slot(key, task, last_used=self._clock())
        self._slots[key] = slot
        return slot

    def _make_room(self, key: Key) -> bool:
        own = [one for one in self._slots.values() if one.key.user == key.user]
        if len(own) >= self._limits.processes_per_user:
            return self._end_idle(own)
        if len(self) >= self._limits.processes:
            # One for each request that waits: what ends already makes room soon.
            if len(self._ending) <= len(self._waiting):
                self._end_idle(list(self._slots.values()))
            return False
        return True

    def _end_idle(self, among: list[_Slot]) -> bool:
        idle = [one for one in among if not one.in_use]
        if not idle:
            return False
        self._end(min(idle, key=lambda one: one.last_used))
        return len(self) < self._limits.processes

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(turn)

    def _wake(self) -> None:
        # All of them: the first may wait for its own user's process and the second for any.
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)

    def _end(self, slot: _Slot) -> None:
        if self._slots.get(slot.key) is slot:
            del self._slots[slot.key]
        task = asyncio.create_task(_end(slot))
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._ending.discard(task)
        self._wake()

    def _failed(self, slot: _Slot) -> None:
        if not slot.has_ended or self._slots.get(slot.key) is not slot:
            return
        self._end(slot)
        pause = min(2 * self._pauses.get(slot.key, (_FIRST_PAUSE / 2, 0))[0], _LONGEST_PAUSE)
        self._pauses[slot.key] = (pause, self._clock() + pause)
        self._pauses.move_to_end(slot.key)
        while len(self._pauses) > _MOST_PAUSES:
            self._pauses.popitem(last=False)

    def _require_no_pause(self, key: Key) -> None:
        _, until = self._pauses.get(key, (0.0, 0.0))
        left = until - self._clock()
        if left > 0:
            raise StdioServerNotStarted("it has just failed", retry_after=max(left, 1))


async def _end(slot: _Slot) -> None:
    slot.starting.cancel()
    with contextlib.suppress(asyncio.CancelledError, StdioServerRefusal):
        session = await slot.starting
        await session.close()
