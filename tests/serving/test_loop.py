"""The event loop of our servers: each turn is bounded, and every connection gets its turn."""

import asyncio
import socket
from collections import Counter
from selectors import EVENT_READ, EVENT_WRITE

import pytest

from doorward.serving import new_event_loop
from doorward.serving.loop import MAX_EVENTS_PER_TURN

# Elsewhere it is asyncio's own loop.
pytestmark = pytest.mark.needs("epoll")


class Pairs:
    """So many connected sockets, of which one end each is watched."""

    def __init__(self, number: int) -> None:
        from doorward.serving.loop import _BoundedEpollSelector

        self.pairs = [socket.socketpair() for _ in range(number)]
        self.selector = _BoundedEpollSelector()
        for place, (near, _) in enumerate(self.pairs):
            self.selector.register(near, EVENT_READ, place)

    def look(self) -> list[int]:
        return [place for (_, _, _, place), _ in self.selector.select(0)]

    def close(self) -> None:
        self.selector.close()
        for pair in self.pairs:
            for end in pair:
                end.close()


def test_one_turn_handles_at_most_the_bound_and_the_next_turn_the_rest() -> None:
    pairs = Pairs(2 * MAX_EVENTS_PER_TURN + 5)
    for _, far in pairs.pairs:
        far.send(b"x")

    looks = [pairs.look() for _ in range(3)]

    assert [len(look) for look in looks[:2]] == [MAX_EVENTS_PER_TURN, MAX_EVENTS_PER_TURN]
    assert set().union(*looks) == set(range(len(pairs.pairs)))
    pairs.close()


def test_a_busy_connection_does_not_starve_others() -> None:
    pairs = Pairs(4 * MAX_EVENTS_PER_TURN)
    for _, far in pairs.pairs:
        far.send(b"x")

    # None of them is ever read, so all are there at every look.
    served = Counter(place for _ in range(12) for place in pairs.look())

    assert len(served) == len(pairs.pairs)
    assert set(served.values()) == {3}
    pairs.close()


def test_what_is_watched_may_change_and_end() -> None:
    pairs = Pairs(2)
    (first, far), (second, _) = pairs.pairs
    far.send(b"x")
    selector = pairs.selector

    selector.modify(first, EVENT_WRITE, "writes")
    selector.unregister(second)

    assert [(key.data, events) for key, events in selector.select(0)] == [("writes", EVENT_WRITE)]
    selector.modify(first, EVENT_READ | EVENT_WRITE, "both")
    far.close()
    assert [(key.data, events) for key, events in selector.select(0)] == [
        ("both", EVENT_READ | EVENT_WRITE)
    ]
    selector.unregister(first)
    assert selector.select(0) == []
    pairs.close()


def test_a_server_runs_on_it() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(1))
        writer.close()

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        said = await reader.read()
        writer.close()
        return said

    async def meet() -> list[bytes]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.gather(*(ask(port) for _ in range(3 * MAX_EVENTS_PER_TURN)))

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(meet()) == [b"x"] * (3 * MAX_EVENTS_PER_TURN)
        # Timers need a look that ends by itself; a process that is done closes every descriptor.
        runner.run(asyncio.sleep(0.001))
