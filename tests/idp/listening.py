"""Applications on a real port of this machine, for as long as a test needs them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from doorward.serving import listen

Application = Callable[..., Any]


@contextmanager
def listening(
    build: Callable[[str], AbstractAsyncContextManager[Application]],
    port: int = 0,
    *,
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[str]:
    """
    Serve what ``build`` makes for a base URL, on ``port`` or a free one; give that URL.

    ``certificate`` is a file with the certificate and one with its key, for https.
    """
    sockets = listen(port)
    scheme = "http" if certificate is None else "https"
    base = f"{scheme}://localhost:{sockets[0].getsockname()[1]}"
    chain, key = certificate or (None, None)
    ready = threading.Event()
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        async with build(base) as app:
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                loop="asyncio",
                lifespan="off",
                ssl_certfile=chain,
                ssl_keyfile=key,
            )
            server.append(uvicorn.Server(config))
            ready.set()
            await server[0].serve(sockets=sockets)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield base
    finally:
        server[0].should_exit = True
        thread.join(30)
        for sock in sockets:
            sock.close()
