"""The load generator: keep-alive connections over raw sockets, every answer looked at.

It runs in a process and on a core of its own. Requests are bytes made beforehand; of an answer it
reads the status and looks for the sum. Where a server is faster than this generator, the CPU time
per request of the server is still right, and the page says so beside the throughput.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple, cast

import httptools
import uvloop

from benchmarks.calls import Call
from benchmarks.machine import pin


class Job(NamedTuple):
    """One round: which calls (by the name they were loaded under), to which port, how long."""

    calls: str
    port: int
    seconds: float
    connections: int


class Tally(NamedTuple):
    """What came of a round; ``latencies`` are seconds, the median and the 99th percentile."""

    answered: int
    wrong: int
    seconds: float
    latencies: tuple[float, float]


class Round:
    """What the connections of one round share."""

    def __init__(self, calls: Iterator[Call], done: asyncio.Future[None]) -> None:
        self.calls = calls
        self.done = done
        self.latencies: list[float] = []
        # When the last connection was there: until then there are fewer than the round is about.
        self.began = self.ends = float("inf")
        self.answered = 0
        self.wrong = 0
        self.open = 0


class Caller(asyncio.Protocol):
    """One connection: sends a call, judges the answer, sends the next."""

    def __init__(self, shared: Round) -> None:
        self.shared = shared
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.call: Call | None = None
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports do what asyncio's do without being of their class.
        self.transport = cast(asyncio.Transport, transport)
        self.shared.open += 1
        self.send()

    def send(self) -> None:
        """Send the next call, or close when the round is over."""
        self.sent = time.perf_counter()
        if self.sent >= self.shared.ends:
            self.call = None
            self.transport.close()
            return
        self.call = next(self.shared.calls)
        self.transport.write(self.call.request)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the methods below."""
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """Keep a part of the answer."""
        self.body += part

    def on_message_complete(self) -> None:
        """Judge the answer and go on."""
        assert self.call is not None
        now, began = time.perf_counter(), self.shared.began
        if now > began:
            self.shared.latencies.append(now - max(self.sent, began))
        self.shared.answered += 1
        if self.parser.get_status_code() != 200 or self.call.expected not in self.body:
            self.shared.wrong += 1
        self.body = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Count a connection that broke in the middle of a call as a wrong answer."""
        self.shared.wrong += self.call is not None
        self.shared.open -= 1
        if not self.shared.open and not self.shared.done.done():
            self.shared.done.set_result(None)


async def _stay_awake() -> None:
    # To wake a sleeping process costs the one that sends to it as much as a whole request, on a
    # virtual machine. Fast servers keep this generator awake; without this, only slow ones would pay.
    while True:
        await asyncio.sleep(0)


async def _play(calls: Iterator[Call], job: Job) -> Tally:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    shared = Round(calls, loop.create_future())
    for _ in range(job.connections):
        await loop.create_connection(lambda: Caller(shared), "127.0.0.1", job.port)
    shared.began = time.perf_counter()
    shared.ends = shared.began + job.seconds
    awake = loop.create_task(_stay_awake())
    await asyncio.wait_for(shared.done, job.seconds + 30)
    awake.cancel()
    seconds = time.perf_counter() - began
    ordered = sorted(shared.latencies)
    quantiles = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)])
    return Tally(shared.answered, shared.wrong, seconds, quantiles)


def serve_jobs(pipe: Pipe, calls: dict[str, list[Call]], core: int | None) -> None:
    """Play each job that comes through ``pipe`` and send back its tally, until ``None`` comes."""
    pin(core)
    # One endless walk per set of calls, over all rounds: a set larger than a server's cache is
    # then new to it again each time round.
    walks = {name: cycle(some) for name, some in calls.items()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while (job := pipe.recv()) is not None:
            pipe.send(runner.run(_play(walks[job.calls], job)))
