"""Faults of the store and of the process, at a moment that the test chooses."""

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Literal

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.server import AuthorizationServer


@dataclass
class StoreFault:
    """The transaction with this number fails, before its commit or after it."""

    transaction: int
    moment: Literal["before", "after"]


class _RolledBack(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class FaultyStore:
    """Makes the writing transactions of one server fail on demand."""

    # A planted fault: what fails is rolled back, and answered as if it were committed.
    loses_commits = False

    def __init__(self, server: AuthorizationServer) -> None:
        self._fault: StoreFault | None = None
        self._seen = 0
        store = server.services.store
        self._write = store.write
        self._write_at_once = store.write_at_once
        # mypy: a method is not for replacing.
        store.write = self.write  # type: ignore[method-assign]
        store.write_at_once = self.write_at_once  # type: ignore[method-assign]

    def plan(self, fault: StoreFault | None) -> None:
        """Let one of the transactions to come fail, or none."""
        self._fault, self._seen = fault, 0

    async def write(self, work: Any) -> Any:
        """Run a transaction of the server, and let it fail if that is due."""
        fault = self._due()

        async def failing(connection: Any) -> Any:
            value = await work(connection)
            self._fail_before(fault, value)
            return value

        try:
            value = await self._write(failing)
        except _RolledBack as lost:
            return lost.value
        self._fail_after(fault)
        return value

    async def write_at_once(self, work: Any) -> Any:
        """Run a statement of the server that is a transaction, and let it fail if that is due."""
        fault = self._due()
        self._fail_before(fault, None)
        value = await self._write_at_once(work)
        self._fail_after(fault)
        return value

    def _fail_before(self, fault: str | None, value: Any) -> None:
        if fault == "before":
            raise _RolledBack(value) if self.loses_commits else StoreUnavailable("planted")

    def _fail_after(self, fault: str | None) -> None:
        if fault == "after":
            raise StoreUnavailable("planted")

    def _due(self) -> str | None:
        number, self._seen = self._seen, self._seen + 1
        if self._fault is None or self._fault.transaction != number:
            return None
        return self._fault.moment


class CancelledAt:
    """
    Runs a coroutine up to one of its awaits and cancels it; gives ``None`` if it was cancelled.

    The await is counted in the coroutine itself, so the same number is the same place each time.
    What is waited for happens first, or is left on its way.
    """

    def __init__(self, work: Coroutine[Any, Any, Any], number: int, after: bool) -> None:
        self._work = work
        self._number = number
        self._after = after

    def __await__(self) -> Generator[Any, Any, Any]:
        work, seen = self._work.__await__(), 0
        try:
            waits_for = next(work)
            while seen < self._number:
                yield waits_for
                seen += 1
                waits_for = next(work)
            if self._after:
                yield waits_for
            elif waits_for is not None:
                waits_for._asyncio_future_blocking = False
            waits_for = work.throw(asyncio.CancelledError())
            while True:
                yield waits_for
                waits_for = next(work)
        except StopIteration as end:
            return end.value
        except asyncio.CancelledError:
            return None
