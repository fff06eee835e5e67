"""The load generator: keep-alive connections over raw sockets, every answer looked at.

It runs in a process and on a core of its own. Requests are bytes made beforehand; of an answer it
reads the status and looks for the sum. Where a server is faster than this generator, the CPU time
per request of the server is still right, and the page says so beside the throughput.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple, cast

import httptools
import uvloop

from benchmarks.calls import Call
from benchmarks.machine import pin

# How long a round waits until every connection was answered once.
PATIENCE = 5.0


class Job(NamedTuple):
    """One round: which calls (by the name they were loaded under), to which port, how long."""

    calls: str
    port: int
    seconds: float
    connections: int


class Tally(NamedTuple):
    """
    What came of a round; ``latencies`` are seconds, the median and the 99th percentile.

    They are counted from when every connection had been answered once, which took ``gathering``
    seconds, or from when that was not waited for any longer: then ``unmet`` had not been.
    """

    answered: int
    wrong: int
    seconds: float
    latencies: tuple[float, float]
    gathering: float
    unmet: int


class Round:
    """What the connections of one round share."""

    def __init__(self, calls: Iterator[Call], connections: int) -> None:
        self.calls = calls
        self.done = asyncio.Event()
        self.latencies: list[float] = []
        # How many connections were not answered yet. Until all were, some are still being made, and
        # the server has other things to do than what the round is about.
        self.unmet = connections
        self.met = asyncio.Event()
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
        self.met = False

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
        if not self.met:
            self._meet()
        if self.parser.get_status_code() != 200 or self.call.expected not in self.body:
            self.shared.wrong += 1
        self.body = b""
        self.send()

    def _meet(self) -> None:
        self.met = True
        self.shared.unmet -= 1
        if not self.shared.unmet:
            self.shared.met.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Count a connection that broke in the middle of a call as a wrong answer."""
        self.shared.wrong += self.call is not None
        self.shared.open -= 1
        if not self.shared.open:
            self.shared.done.set()


async def _stay_awake() -> None:
    # To wake a sleeping process costs the one that sends to it as much as a whole request, on a
    # virtual machine. Fast servers keep this generator awake; without this, only slow ones would pay.
    while True:
        await asyncio.sleep(0)


async def _play(calls: Iterator[Call], job: Job) -> Tally:
    loop = asyncio.get_running_loop()
    came = time.perf_counter()
    shared = Round(calls, job.connections)
    awake = loop.create_task(_stay_awake())
    for _ in range(job.connections):
        await loop.create_connection(lambda: Caller(shared), "127.0.0.1", job.port)
    with suppress(TimeoutError):
        await asyncio.wait_for(shared.met.wait(), PATIENCE)
    unmet = shared.unmet
    shared.began = time.perf_counter()
    shared.ends = shared.began + job.seconds
    await asyncio.wait_for(shared.done.wait(), job.seconds + 30)
    awake.cancel()
    seconds = time.perf_counter() - came
    ordered = sorted(shared.latencies)
    quantiles = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)])
    gathering = shared.began - came
    return Tally(shared.answered, shared.wrong, seconds, quantiles, gathering, unmet)


def serve_jobs(pipe: Pipe, calls: dict[str, list[Call]], core: int | None) -> None:
    """Play each job that comes through ``pipe`` and send back its tally, until ``None`` comes."""
    pin(core)
    # One endless walk per set of calls, over all rounds: a set larger than a server's cache is
    # then new to it again each time round.
    walks = {name: cycle(some) for name, some in calls.items()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while (job := pipe.recv()) is not None:
            pipe.send(runner.run(_play(walks[job.calls], job)))
