"""Many callers at once, for as long as a test needs them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

from tests.keycloak.guarded import Guarded

WORKERS = 20


class Load:
    """Call a tool from ``WORKERS`` sides, each with the next of the tokens, and count the answers."""

    def __init__(self, served: Guarded, tokens: Callable[[], Sequence[str]]) -> None:
        self.served = served
        self.statuses: Counter[int] = Counter()
        # How many answers each token got.
        self.answered: Counter[str] = Counter()
        self._tokens = tokens
        self._workers: list[asyncio.Task[None]] = []

    @property
    def count(self) -> int:
        """How many answers there were."""
        return self.statuses.total()

    async def __aenter__(self) -> Self:
        self._workers = [asyncio.create_task(self._work(n)) for n in range(WORKERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.cancel()
        ended = await asyncio.gather(*self._workers, return_exceptions=True)
        wrong = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
        assert wrong == []

    async def reaches(self, count: int) -> None:
        """Return when there were that many answers."""
        await self._until(lambda: self.count >= count)

    async def answers(self, token: str, count: int) -> None:
        """Return when ``token`` got that many answers, however many the others got meanwhile."""
        await self._until(lambda: self.answered[token] >= count)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            if ended := [worker for worker in self._workers if worker.done()]:
                ended[0].result()
            await asyncio.sleep(0.001)

    async def _work(self, turn: int) -> None:
        while True:
            tokens = self._tokens()
            token = tokens[turn % len(tokens)]
            answer = await self.served.call(token)
            self.statuses[answer.status] += 1
            self.answered[token] += 1
            turn += 1
            await asyncio.sleep(0)
