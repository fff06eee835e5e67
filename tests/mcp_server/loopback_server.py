"""A server on a real socket of localhost, for clients with their own HTTP stack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import LifespanType

from tests.net.http_server import listening


class _Quiet(uvicorn.Server):
    """uvicorn without its signal handlers, which would outlive the test."""

    def install_signal_handlers(self) -> None:
        """Install none."""


@asynccontextmanager
async def serving(
    app: ASGIApp, port: int = 0, *, lifespan: LifespanType = "off"
) -> AsyncIterator[str]:
    """Serve ``app`` on this, or a free, port of 127.0.0.1; yields the base URL."""
    listener = listening(port)
    config = uvicorn.Config(app, log_level="error", lifespan=lifespan, timeout_graceful_shutdown=1)
    server = _Quiet(config)
    task = asyncio.create_task(server._serve([listener]))
    while not (server.started or task.done()):
        await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
