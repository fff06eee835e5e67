"""A server that keeps connections open, and answers each request with the given bytes."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from doorward.gateway.upstream.exchange import Upstream, UpstreamRequest
from tests.net.tls_server import to

NAME = "tools.test"
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
# Gets how many requests came before this one. ``None`` closes the connection without an answer.
Answers = Callable[[int], bytes | None]


@dataclass
class Server:
    """What the server saw: each request with the number of its connection."""

    port: int = 0
    requests: list[tuple[int, bytes]] = field(default_factory=list)
    connections: int = 0
    closed: list[asyncio.Event] = field(default_factory=list)


@asynccontextmanager
async def kept_open(answers: Answers, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on loopback until the block ends."""
    seen = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, closed = seen.connections, asyncio.Event()
        seen.connections += 1
        seen.closed.append(closed)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                seen.requests.append((number, head + body))
                answer = answers(len(seen.requests) - 1)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        finally:
            closed.set()

    async with _serving(serve, tls) as seen.port:
        yield seen


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[UpstreamRequest]:
    """Serve on loopback until the block ends, and give a request for it."""
    async with _serving(serve, None) as port:
        yield to_server(Server(port))


@asynccontextmanager
async def _serving(serve: Serve, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[Any]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def upstream_to(
    *, connections: int = 10, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    """Give an ``Upstream`` that finds every name on loopback."""
    upstream = Upstream(timeout=60, connections=connections, tls=tls, resolver=to("127.0.0.1"))
    try:
        yield upstream
    finally:
        await upstream.aclose()


def to_server(
    server: Server,
    method: str = "POST",
    body: bytes = b"{}",
    *,
    host: str = NAME,
    scheme: str = "http",
    is_stream: bool = False,
) -> UpstreamRequest:
    """Return a request for ``server``."""
    return UpstreamRequest(
        method=method,
        origin=f"{scheme}://{host}:{server.port}",
        target=b"/mcp",
        headers=[(b"host", host.encode())],
        body=body if method == "POST" else b"",
        is_stream=is_stream,
    )


async def answered(upstream: Upstream, request: UpstreamRequest) -> tuple[int, bytes]:
    """Return status and body of the response."""
    async with upstream.send(request) as response:
        return response.status, b"".join([chunk async for chunk in response.chunks])
