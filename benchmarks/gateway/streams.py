"""How much memory ``doorward serve`` occupies while callers listen to many streams."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

from benchmarks.gateway.proxies import doorward, free_port, http_server

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"e\r\ndata: opened\n\n\r\n"
)


def memory_with_streams(folder: Path, count: int) -> int:
    """Return the bytes that the process occupies with ``count`` open streams."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # One for each stream at both ends; the process that is measured inherits it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * count + 1000), hard))
    return asyncio.run(_measure(folder, count))


async def _measure(folder: Path, count: int) -> int:
    with ExitStack() as stack:
        async with _streaming() as port:
            url, listening = f"http://127.0.0.1:{port}/mcp", free_port()
            # In a thread: it waits for an answer that comes from this event loop.
            proxy, key = await asyncio.to_thread(
                stack.enter_context, doorward(folder, http_server(url), listening)
            )
            lines = [
                b"GET /mcp HTTP/1.1",
                f"Host: localhost:{listening}".encode(),
                b"Accept: text/event-stream",
                b"MCP-Protocol-Version: 2025-11-25",
                f"Authorization: Bearer {key}".encode(),
            ]
            request = b"\r\n".join(lines) + b"\r\n\r\n"
            opened = [await _open(listening, request) for _ in range(count)]
            memory = proxy.memory
            for writer in opened:
                writer.close()
            return memory


async def _open(port: int, request: bytes) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await reader.readuntil(b"opened")
    return writer


@asynccontextmanager
async def _streaming() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The last ones are still open when the server ends.
        with suppress(asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_HEAD)
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
