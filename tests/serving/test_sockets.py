"""What only a real socket shows, under each loop that people run us on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from doorward.serving import Connection, connection, new_event_loop, patience
from tests.serving.lines import Echo, post


def uvloops() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


LOOPS = pytest.mark.parametrize("loop", [new_event_loop, uvloops])
Loop = Callable[[], asyncio.AbstractEventLoop]


class Watched(Connection):
    """A connection that tells what it is on, and when it is lost."""

    def __init__(self, state: ServerState) -> None:
        super().__init__(uvicorn.Config(Echo(), log_config=None), state, {})
        self.made = asyncio.Event()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.socket = transport.get_extra_info("socket")
        self.made.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[socket.socket, Watched]]:
    """Connect to a socket that names no protocol, as uvicorn's workers listen on one."""
    state = ServerState()
    ours = Watched(state)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert listening.proto == 0
        running = asyncio.get_running_loop()
        server = await running.create_server(lambda: ours, sock=listening)
        with socket.create_connection(listening.getsockname()) as client:
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


@LOOPS
def test_a_client_that_does_not_read_is_let_go(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_STANDSTILL", 0.05)
    monkeypatch.setattr(connection, "_LOOKS_EVERY", 0.01)
    # More than the buffers of both ends hold.
    size = 20_000_000

    async def take() -> int:
        async with connected() as (client, ours):
            await asyncio.to_thread(client.sendall, post(b"x" * size))
            await ours.lost.wait()
            taken = 0
            while piece := await asyncio.to_thread(client.recv, 1_000_000):
                taken += len(piece)
            return taken

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(take()) < size
