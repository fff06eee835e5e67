"""The line to the client: reading a body from it, and noticing when it goes dead."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import suppress
from types import coroutine
from typing import Any, TypeVar

from doorward.mcp_server.refusals import BodyTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

T = TypeVar("T")

# Most calls are over before anybody could hang up on them. A watcher for each of those would cost
# more than the call itself.
WATCH_AFTER_SECONDS = 0.02


class ClientDisconnected(Exception):
    """The client is gone; nobody reads what would be sent."""


async def read_body(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """
    Return the body of the request, of at most ``limit`` bytes.

    Raises:
        BodyTooLarge: it is longer, or says so.
        HungUp: the client went away before its end.
    """
    for name, value in headers:
        if name == b"content-length" and _is_over(value, limit):
            raise BodyTooLarge(f"content-length={value[:20]!r}, limit={limit}")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"more than {limit} bytes came")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _is_over(announced: bytes, limit: int) -> bool:
    # The length of the number first: Python refuses to read one of five thousand digits.
    return announced.isdigit() and (len(announced) > 18 or int(announced) > limit)


@coroutine
def while_connected(receive: Receive, work: Awaitable[T]) -> Generator[Any, Any, T]:
    """
    Return what ``work`` returns, unless the client goes away first: then it is cancelled.

    Raises:
        HungUp: the client went away.

    Spec: MCP 2026-07-28, transports/streamable-http, "Cancellation"
    """
    steps = work.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        # Over without waiting for anything, as most calls are: nobody could have been noticed to go.
        return done.value  # type: ignore[no-any-return]
    watch = _DisconnectWatcher(receive)
    try:
        return (yield from _go_on(steps, waits_for))
    except asyncio.CancelledError:
        if not watch.disconnected:
            raise
        raise ClientDisconnected from None
    finally:
        watch.end()


def _go_on(steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Do what ``yield from`` does, for steps of which the first has been made."""
    try:
        while True:
            try:
                given = yield waits_for
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for the work
                waits_for = steps.throw(error)
            else:
                waits_for = steps.send(given)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


class _DisconnectWatcher:
    """Waits for the client to hang up, and cancels the task that made it."""

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self.disconnected = False
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._begin)

    def _begin(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        with suppress(Exception):
            message = await self._receive()
            if message["type"] != "http.disconnect":
                # A guard that read the body may hand it out once more before it passes on the rest.
                message = await self._receive()
            if message["type"] == "http.disconnect":
                self.disconnected = True
                self.task.cancel()

    def end(self) -> None:
        """Stop watching; the work is done."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self.disconnected:
            self.task.uncancel()
