"""Cancelling the work of a request when its client disconnects."""

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import suppress
from types import coroutine
from typing import Any, TypeVar

from doorward.wire.asgi import ClientDisconnected, Receive

T = TypeVar("T")

# Most calls end before a client could disconnect. A watching task costs more than such a call.
WATCH_AFTER_SECONDS = 0.02


async def watched(receive: Receive, work: Awaitable[T]) -> T:
    """
    Return what ``work`` returns, and cancel it if the client disconnects first.

    This is the plain form of ``while_connected``: a test holds the two equal.

    Raises:
        ClientDisconnected: the client disconnected.
    """
    watcher = _DisconnectWatcher(receive)
    try:
        return await work
    except asyncio.CancelledError:
        if not watcher.disconnected:
            raise
        raise ClientDisconnected from None
    finally:
        watcher.stop()


@coroutine
def while_connected(receive: Receive, work: Awaitable[T]) -> Generator[Any, Any, T]:
    """
    Return what ``work`` returns, and cancel it if the client disconnects first.

    Work that never waits ends in its first step, before a timer exists.

    Raises:
        ClientDisconnected: the client disconnected.

    Spec: MCP 2026-07-28, transports/streamable-http, "Cancellation"
    """
    steps = work.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    return (yield from watched(receive, _resumed(steps, waits_for)).__await__())


@coroutine
def _resumed(steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Do what ``await`` does, for a coroutine whose first step is done."""
    try:
        while True:
            try:
                value = yield waits_for
            except BaseException as error:  # noqa: BLE001 - every exception belongs to the work
                waits_for = steps.throw(error)
            else:
                waits_for = steps.send(value)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


class _DisconnectWatcher:
    """Waits for the client to disconnect, and then cancels the task that created this."""

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self.disconnected = False
        self._receive = receive
        self._watching: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._start)

    def _start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        with suppress(Exception):
            message = await self._receive()
            if message["type"] != "http.disconnect":
                # A guard that has read the body may replay it before the disconnect.
                message = await self._receive()
            if message["type"] == "http.disconnect":
                self.disconnected = True
                self.task.cancel()

    def stop(self) -> None:
        """Stop watching: the work is done."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if self.disconnected:
            self.task.uncancel()
