"""A server from its start to the signal that stops it."""

import asyncio
import gc
import signal
from collections.abc import Iterator

import pytest

from doorward.serving import listen, new_event_loop, serve
from tests.serving.raw_client import Echo, post


@pytest.fixture(autouse=True)
def _collected_again() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_a_server_answers_freezes_the_garbage_collector_and_stops_on_sigterm() -> None:
    before = gc.get_freeze_count()
    handler = signal.getsignal(signal.SIGTERM)

    async def ask() -> bytes:
        sockets = listen(0)
        serving = asyncio.create_task(serve(Echo(), sockets))
        reader, writer = await asyncio.open_connection(*sockets[0].getsockname())
        writer.write(post(b"hello", b"Connection: close"))
        said = await reader.read()
        writer.close()
        assert gc.get_freeze_count() > before + 1000
        signal.raise_signal(signal.SIGTERM)
        await serving
        for one in sockets:
            one.close()
        return said

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        said = runner.run(ask())

    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\nhello")
    assert signal.getsignal(signal.SIGTERM) == handler
