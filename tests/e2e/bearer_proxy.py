"""A loopback proxy that adds a bearer token to every request and changes nothing else.

The conformance suite has no way to send a token, so this stands between it and a protected
server. A forged ``Host`` or ``Origin`` passes through as it came; the proxy's own address in them
becomes the server's, as if the suite had gone there.
"""

import asyncio
import re
import threading
from contextlib import suppress
from typing import Self

HEAD_END = b"\r\n\r\n"
OWN = rb"(?<=\r\n)((?:host: |origin: http://))(?:localhost|127\.0\.0\.1):%d(?=\r\n)"
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


class BearerProxy:
    """Listens on a port of its own, on a thread of its own, as long as its block lasts."""

    def __init__(self, target_port: int, token: str) -> None:
        self.port = 0
        self._target_port = target_port
        self._line = f"\r\nAuthorization: Bearer {token}\r\nConnection: close".encode()
        self._own_address = re.compile(rb"(?!)")
        self._target_address = rb"\1localhost:%d" % target_port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the proxy did not come up")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._own_address = re.compile(OWN % self.port, re.IGNORECASE)
        self._ready.set()
        async with server:
            await self._stop.wait()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # What they closed is let go of in the next turn of the loop.
        await asyncio.sleep(0)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(HEAD_END)
            declared = LENGTH.search(head)
            body = await reader.readexactly(int(declared[1])) if declared else b""
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            # One request per connection: what the other side answers ends with its connection,
            # so nothing here has to understand the framing of a response.
            first, _, rest = head.partition(b"\r\n")
            kept = re.sub(rb"\r\nconnection:[^\r]*", b"", b"\r\n" + rest, flags=re.IGNORECASE)
            kept = self._own_address.sub(self._target_address, kept)
            back.write(first + self._line + kept + body)
            await back.drain()
            # Who hangs up here must be gone there too, or a stream would go on for nobody.
            gone = asyncio.create_task(_close_session(reader, back))
            try:
                while chunk := await there.read(65536):
                    writer.write(chunk)
                    await writer.drain()
            finally:
                gone.cancel()
                back.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the suite hung up: nothing is left to answer
        finally:
            writer.close()


async def _close_session(reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        if await reader.read(1):
            return
    back.close()
