"""Start-up and shutdown, for applications that take part in them and for those that do not."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from doorward.errors import DoorwardError
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send


async def run_lifespan(
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    prepare: Callable[[], Awaitable[None]] | None = None,
    start: Callable[[], Coroutine[Any, Any, None]],
    close: Callable[[], Awaitable[None]],
) -> None:
    """
    Run the lifespan of ``app`` between ``start`` and ``close``.

    ``prepare`` comes first, and is waited for: without it, nothing here can answer.

    A misconfiguration that ``start`` finds by itself stops the server with its hint, before anything
    listens. What it asks others for is not waited for: an issuer that hangs would hold back every
    answer that needs no issuer, such as where to sign in. Whoever brings a token meanwhile waits
    for the keys that are on their way.

    Spec: ASGI, Lifespan Protocol 2.0
    """
    first = await receive()
    if prepare is not None and not await _is_prepared(prepare, send):
        return
    starting = asyncio.create_task(start())
    # One turn of the loop, in which it comes as far as it can without anybody else.
    await asyncio.sleep(0)
    try:
        if starting.done():
            starting.result()
    except DoorwardError as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    starting.add_done_callback(_tell)
    answered = False
    replayed = False
    close_once = _once(starting, close)
    send = _closing_first(send, close_once)

    async def receive_again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return first

    async def send_on(message: Message) -> None:
        nonlocal answered
        answered = True
        await send(message)

    try:
        try:
            await app(scope, receive_again, send_on)
        except Exception:
            if answered:
                raise
        # An application without a lifespan raises or returns at once; its server still has one.
        if not answered:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
    finally:
        await close_once()


def _once(
    starting: "asyncio.Task[None]", close: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """Return a function that stops the start and closes, at the first call only."""
    closed = False

    async def close_once() -> None:
        nonlocal closed
        if not closed:
            closed = True
            starting.cancel()
            await close()

    return close_once


def _closing_first(send: Send, close: Callable[[], Awaitable[None]]) -> Send:
    """Return ``send``, which closes before it says that the shutdown is complete."""

    async def close_and_send(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            # The server's process may end with this message, in the middle of what is being closed.
            await close()
        await send(message)

    return close_and_send


async def _is_prepared(prepare: Callable[[], Awaitable[None]], send: Send) -> bool:
    try:
        await prepare()
    except DoorwardError as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return False
    return True


def _tell(starting: asyncio.Task[None]) -> None:
    """Log what made the start fail when it was too late to stop the server."""
    if not starting.cancelled() and (error := starting.exception()) is not None:
        starting.get_loop().call_exception_handler(
            {"message": "The start of a guard failed", "exception": error, "task": starting}
        )
