"""Listening sockets, and a server that stops cleanly."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from doorward.errors import ConfigurationError
from doorward.serving.connection import Connection
from doorward.wire.asgi import ASGIApp

_STOP_TIMEOUT = 3.0


def listen(port: int, host: str = "localhost", *, setting: str = "--port") -> list[socket.socket]:
    """
    Return listening sockets: on the address ``host``, or on 127.0.0.1 and [::1] for ``localhost``.

    ```python
    sockets = listen(0)  # a free port, on 127.0.0.1 and on [::1]
    print(sockets[0].getsockname()[1])
    for one in sockets:
        one.close()
    ```

    Clients resolve ``localhost`` to either of the two; a machine may lack the second. With ``port``
    0, both sockets share one free port. Errors name ``setting`` as what to change.

    Raises:
        ConfigurationError: ``port-in-use``, ``port-not-allowed``, ``address-not-ours``.
    """
    if host != "localhost":
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return [_bind(family, host, port, setting)]
        except OSError as error:
            raise ConfigurationError(
                "address-not-ours",
                f"This machine cannot listen on {host}: {error.strerror}.",
                f"Set {setting} to one of its addresses; 0.0.0.0 is every IPv4 address.",
            ) from None
    first = _bind(socket.AF_INET, "127.0.0.1", port, setting)
    sockets = [first]
    chosen = first.getsockname()[1]
    if socket.has_ipv6:
        try:
            sockets.append(_bind(socket.AF_INET6, "::1", chosen, setting))
        except ConfigurationError:
            first.close()
            raise
        except OSError:
            pass  # no IPv6 on this machine: every client here reaches 127.0.0.1
    return sockets


def _bind(family: socket.AddressFamily, host: str, port: int, setting: str) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                "port-in-use",
                f"Port {port} on {host} is in use by another program.",
                f"Stop that program, or choose another port with {setting}.",
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                "port-not-allowed",
                f"This account may not listen on port {port}.",
                f"Choose a port above 1023 with {setting}.",
            ) from None
        raise
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """uvicorn's server without its re-raised signal, which would kill the process before cleanup."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and exclude what is loaded so far from garbage collection."""
        await super().startup(sockets)
        # Modules, schemas and rules live as long as the server. Walking over them took 25 ms now and
        # then, in which no request was answered.
        gc.collect()
        gc.freeze()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, and return to the caller."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in handled}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


class _ServerBeside(uvicorn.Server):
    """uvicorn's server without signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the other server."""
        yield


async def serve(
    app: ASGIApp, sockets: list[socket.socket], *, stop_timeout: float = _STOP_TIMEOUT
) -> None:
    """
    Serve ``app`` until SIGINT or SIGTERM; then return, so that the caller can clean up.

    ```python
    async def main() -> None:
        await serve(app, listen(8000), stop_timeout=30)
    ```

    Requests in flight get ``stop_timeout`` seconds to finish; then they are cancelled.

    Run it on ``new_event_loop``, not on uvloop. uvloop accepts one connection per turn: of a thousand
    clients that connected at once, the last one waited half a minute.
    """
    await _Server(_config(app, stop_timeout)).serve(sockets=sockets)


@asynccontextmanager
async def serving_beside(app: ASGIApp, sockets: list[socket.socket]) -> AsyncIterator[None]:
    """
    Serve ``app`` while the block runs; signals are left to the server that runs in the block.

    ```python
    async with serving_beside(app, listen(0)):
        print("Serving until this block ends.")
    ```
    """
    server = _ServerBeside(_config(app, _STOP_TIMEOUT))
    serving = asyncio.create_task(server.serve(sockets=sockets))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _config(app: ASGIApp, stop_timeout: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # uvicorn takes whole seconds, and passes any number on to asyncio.
        timeout_graceful_shutdown=stop_timeout,  # type: ignore[arg-type]
    )
