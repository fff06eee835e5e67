"""Behaviour on real sockets, with each supported event loop."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from doorward.serving import Connection, connection, new_event_loop, timeouts
from tests.net.tls_server import authority
from tests.serving.raw_client import FakeSocket, FakeTransport, RawClient


def uvloops() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


LOOPS = pytest.mark.parametrize("loop", [new_event_loop, uvloops])
Loop = Callable[[], asyncio.AbstractEventLoop]
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


async def plenty(scope: Any, receive: Any, send: Any) -> None:
    """Answer with more than the buffers of both ends hold."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(400):
        await send({"type": "http.response.body", "body": b"x" * 50_000, "more_body": True})


class Watched(Connection):
    """A connection that tells what it is on, and when it is lost."""

    def __init__(self, state: ServerState) -> None:
        super().__init__(uvicorn.Config(plenty, log_config=None), state, {})
        self.made = asyncio.Event()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.socket = transport.get_extra_info("socket")
        self.made.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


def connect(address: tuple[str, int], tls: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(address)
    return plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")


@asynccontextmanager
async def connected(
    contexts: Contexts | None = None,
) -> AsyncIterator[tuple[socket.socket, Watched]]:
    """Connect to a socket that names no protocol, as uvicorn's workers listen on one."""
    state = ServerState()
    ours = Watched(state)
    server_tls, client_tls = contexts or (None, None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert listening.proto == 0
        running = asyncio.get_running_loop()
        server = await running.create_server(lambda: ours, sock=listening, ssl=server_tls)
        with await asyncio.to_thread(connect, listening.getsockname(), client_tls) as client:
            await ours.made.wait()
            yield client, ours
        await ours.lost.wait()
        server.close()
    assert state.connections == set()


@LOOPS
def test_no_piece_waits_until_the_client_has_acknowledged_the_one_before(loop: Loop) -> None:
    async def look() -> int:
        async with connected() as (_, ours):
            said = ours.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert isinstance(said, int)
            return said

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(look()) == 1


class Gone(FakeSocket):
    """A socket of macOS whose peer is gone."""

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET

    def setsockopt(self, *_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")


async def test_an_immediate_disconnect_is_reported() -> None:
    client = RawClient(plenty, transport=FakeTransport(ends=Gone))
    assert client.state.connections
    client.connection.connection_lost(None)

    assert client.state.connections == set()


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
@LOOPS
def test_a_client_that_does_not_read_is_disconnected(
    loop: Loop, secured: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(timeouts, "STALL_TIMEOUT", 0.05)
    monkeypatch.setattr(connection, "_CHECK_INTERVAL", 0.01)
    contexts = authority(tmp_path, "localhost") if secured else None

    async def send_and_read_nothing() -> None:
        async with connected(contexts) as (client, ours):
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await ours.lost.wait()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(send_and_read_nothing())
