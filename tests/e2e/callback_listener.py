"""A loopback listener that takes one redirect from a browser, as a command-line client has it."""

import asyncio
from typing import Self
from urllib.parse import parse_qs, urlsplit

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n"
    b"Connection: close\r\n\r\nYou can close this.\n"
)


class CallbackListener:
    """Listens on 127.0.0.1 at a port of its own; ``redirect_uri`` is where the browser must come."""

    def __init__(self) -> None:
        self.redirect_uri = ""
        self._server: asyncio.Server | None = None
        self._came: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.redirect_uri = f"http://127.0.0.1:{port}/callback"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def next(self, within: float = 30.0) -> dict[str, str]:
        """Return the parameters of the next redirect; each appears once."""
        return await asyncio.wait_for(self._came.get(), within)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        parts = urlsplit(head.split(b" ", 2)[1].decode())
        writer.write(ANSWER)
        await writer.drain()
        writer.close()
        if parts.path == "/callback":
            given = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)
            await self._came.put({name: one for name, (one,) in given.items()})
