"""The load generator: keep-alive connections over raw sockets; every answer is checked."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, cast

import httptools


class Exchange(Protocol):
    """What one connection asks, one request after the other."""

    def next_request(self) -> bytes | None:
        """Return the bytes of the next request, or ``None`` at the end."""
        ...

    def is_right(self, status: int, headers: dict[str, str], body: bytes) -> bool:
        """Take the answer, and say whether it is the expected one."""
        ...


class Tally(NamedTuple):
    """What came of one turn; ``latencies`` are sorted seconds."""

    answered: int
    wrong: int
    seconds: float
    latencies: Sequence[float]

    def quantile(self, share: float) -> float:
        """Return the latency that ``share`` of the requests did not exceed."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


class _Line(asyncio.Protocol):
    """One connection: sends a request, checks the answer, sends the next."""

    def __init__(self, exchange: Exchange, turn: "_Turn") -> None:
        self._exchange, self._turn = exchange, turn
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = b""
        self._sent = 0.0
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        request = self._exchange.next_request() if time.perf_counter() < self._turn.ends else None
        self._waits = request is not None
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        self._turn.latencies.append(time.perf_counter() - self._sent)
        status = self._parser.get_status_code()
        if not self._exchange.is_right(status, self._headers, self._body):
            self._turn.wrong += 1
            self._turn.example = self._turn.example or f"{status} {self._body[:300]!r}"
        self._headers, self._body = {}, b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._turn.wrong += self._waits
        self._turn.close_one()


class _Turn:
    def __init__(self, connections: int, seconds: float) -> None:
        self.latencies: list[float] = []
        self.wrong = 0
        self.example = ""
        self.ends = time.perf_counter() + seconds
        self.done = asyncio.Event()
        self._open = connections

    def close_one(self) -> None:
        self._open -= 1
        if not self._open:
            self.done.set()


async def play(
    port: int, exchanges: Sequence[Exchange], seconds: float = 3600.0
) -> tuple[Tally, str]:
    """Ask on one connection for each exchange; return the tally and an example of a wrong answer."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    turn = _Turn(len(exchanges), seconds)

    def factory(exchange: Exchange) -> Callable[[], asyncio.Protocol]:
        return lambda: _Line(exchange, turn)

    for exchange in exchanges:
        await loop.create_connection(factory(exchange), "127.0.0.1", port)
    await turn.done.wait()
    seconds = time.perf_counter() - began
    tally = Tally(len(turn.latencies), turn.wrong, seconds, sorted(turn.latencies))
    return tally, turn.example
