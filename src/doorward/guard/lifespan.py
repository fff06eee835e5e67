"""Start-up and shutdown, for applications that take part in them and for those that do not."""

from collections.abc import Awaitable, Callable

from doorward.errors import DoorwardError
from doorward.guard.answers import App, Message, Receive, Scope, Send


async def run_lifespan(
    app: App,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    start: Callable[[], Awaitable[None]],
    close: Callable[[], Awaitable[None]],
) -> None:
    """
    Run the lifespan of ``app`` between ``start`` and ``close``.

    A misconfiguration found by ``start`` stops the server with its hint, before anything listens.

    Spec: ASGI, Lifespan Protocol 2.0
    """
    first = await receive()
    try:
        await start()
    except DoorwardError as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    answered = False
    replayed = False

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
        await close()
