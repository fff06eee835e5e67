"""One connection to an upstream server: it carries one request at a time."""

import asyncio
import select
from typing import cast

from doorward.gateway.upstream_http.response_reader import InvalidResponse, ResponseReader

# With more than this, nothing is read from the upstream server until the caller takes it.
_MAX_UNREAD = 64 * 1024
# Up to this size, head and body are sent in one piece: apart, they are two system calls.
_MAX_COPIED = 64 * 1024


class UpstreamConnection(asyncio.Protocol):
    """
    A connection that sends a request and gives its response, then the next.

    Bytes between two requests are the response to neither, and close the connection.

    Spec: RFC 9112 §9
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._readable = select.poll() if hasattr(select, "poll") else None
        self._reader: ResponseReader | None = None
        self._has_head = self._paused = False
        self._failure: InvalidResponse | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.idle_since = 0.0

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports behave like asyncio's but do not inherit from them.
        self._transport = cast(asyncio.Transport, transport)
        if self._readable is not None:
            self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Read a part of the response; stop reading while the caller takes none of it."""
        reader = self._reader
        if reader is None:
            self.abort()
            return
        try:
            reader.feed(data)
        except InvalidResponse as error:
            self._fail(error)
            return
        if reader.unread or reader.complete or (reader.status and not self._has_head):
            self._wake()
        if reader.unread > _MAX_UNREAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """End the response, if the server may end it like this."""
        if self._reader is not None:
            try:
                self._reader.feed_eof()
            except InvalidResponse as error:
                self._fail(error)
            else:
                self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail a response that is not complete."""
        if self._reader is not None and not self._reader.complete:
            self._fail(InvalidResponse(f"the connection is closed: {exc!r}"))

    # Calls of the exchange.

    @property
    def untouched(self) -> bool:
        """Whether nothing of the response has arrived."""
        return self._reader is None or self._reader.untouched

    def is_usable(self) -> bool:
        """
        Return whether the connection can carry another request.

        The system is asked as well: an end, or bytes of nobody, may have come that are not read yet.
        """
        if self._transport.is_closing():
            return False
        return self._readable is None or not self._readable.poll(0)

    async def send(
        self, method: str, head: bytes, body: bytes, seconds: float | None
    ) -> ResponseReader:
        """
        Send a request, and return its response when the head has arrived.

        The server may answer before it has read the whole request.

        Raises:
            InvalidResponse: it is not one HTTP/1.1 response, or the connection broke.
            TimeoutError: it did not begin within ``seconds``.
        """
        self._reader = reader = ResponseReader(method)
        self._has_head = False
        if self._transport.is_closing():
            # It closed before there was a request to fail: nothing else would end the wait.
            raise InvalidResponse("the server closed the connection before the request")
        if len(body) <= _MAX_COPIED:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        await self._wait(seconds)
        self._has_head = True
        return reader

    async def part(self, seconds: float | None) -> bytes:
        """
        Return the next part of the body, and nothing at its end.

        Raises:
            InvalidResponse: the response breaks off.
            TimeoutError: nothing came within ``seconds``.
        """
        reader = self._reader
        assert reader is not None
        if not reader.unread and not reader.complete:
            await self._wait(seconds)
        part = reader.take()
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return part

    def finish(self) -> bool:
        """End the request; return whether the connection can carry another one."""
        reader, self._reader = self._reader, None
        return (
            reader is not None
            and reader.complete
            and reader.keep_alive
            and not reader.unread
            # An early response: the rest of the request would be read as the next one's start.
            and not self._transport.get_write_buffer_size()
            and not self._transport.is_closing()
        )

    def abort(self) -> None:
        """Close the connection at once, whatever it carries."""
        self._transport.abort()

    # Internals.

    async def _wait(self, seconds: float | None) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, _time_out, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: InvalidResponse) -> None:
        # The first failure is the cause of the others.
        self._failure = self._failure or error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._failure)
        self._transport.abort()


def _time_out(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
