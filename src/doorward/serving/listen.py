"""Sockets of this machine alone, under all its names, and a server that ends when it is told to."""

import errno
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from doorward.errors import ConfigurationError
from doorward.serving.connection import Connection


def listen(port: int) -> list[socket.socket]:
    """
    Return listening sockets on 127.0.0.1 and, where the machine has it, on [::1].

    Both, because ``localhost`` is one to some clients and the other to others. ``port`` 0 takes
    any free port, the same for both.

    Raises:
        ConfigurationError: ``port-in-use``, ``port-not-allowed``.
    """
    first = _bind(socket.AF_INET, "127.0.0.1", port)
    sockets = [first]
    chosen = first.getsockname()[1]
    if socket.has_ipv6:
        try:
            sockets.append(_bind(socket.AF_INET6, "::1", chosen))
        except ConfigurationError:
            first.close()
            raise
        except OSError:
            pass  # no IPv6 on this machine: every client here reaches 127.0.0.1
    return sockets


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
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
                "Stop that program, or choose another port with --port.",
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                "port-not-allowed",
                f"This account may not listen on port {port}.",
                "Choose a port above 1023 with --port.",
            ) from None
        raise
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """uvicorn's server, which otherwise sends itself the signal again and dies before we tidy up."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and spare the garbage collector what is there from now on."""
        await super().startup(sockets)
        # Modules, schemas and rules stay as long as the server does. To walk over them all took
        # 25 ms now and then, in which nobody was answered.
        gc.collect()
        gc.freeze()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at Ctrl-C and at a polite kill, and then return to whoever called."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in handled}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


async def serve(app: ASGIApp, sockets: list[socket.socket]) -> None:
    """
    Serve ``app`` until the process is told to stop; then return, so that the caller can tidy up.

    Meant to run on ``new_event_loop``, and not on uvloop: that takes one new connection in a turn,
    and of a thousand that come at once the last one was let in after half a minute.
    """
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    await _Server(config).serve(sockets=sockets)
