"""One request and its response, between a connection and an ASGI application."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from doorward.serving.response_head import build_head
from doorward.wire.asgi import ASGIApp, Message, Scope

_LOG = logging.getLogger("doorward.serving")
_INTERNAL_ERROR: Message = {
    "type": "http.response.start",
    "status": 500,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"21")],
}


class ClientConnection(Protocol):
    """What a request cycle needs of its connection."""

    paused: bool
    is_reading: bool

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every response."""

    def write(self, data: bytes) -> None:
        """Send ``data``."""

    async def drained(self) -> None:
        """Wait until the write buffer is below its limit."""

    def resume_reading(self) -> None:
        """Read from the client again, where reading was paused."""

    def response_complete(self, cycle: "RequestCycle") -> None:
        """Called when the response is complete."""

    def task_done(self, cycle: "RequestCycle") -> None:
        """Called when the application returned."""

    def close(self) -> None:
        """Close the connection, with an unfinished response if need be."""


class RequestCycle:
    """
    One call of the application: what it receives, and what it sends.

    ``keep_alive``: the connection stays open after the response. ``disconnected``: the client is gone.
    ``body_complete``: the whole body has arrived. ``complete``: the whole response is sent.
    """

    __slots__ = (
        "_body",
        "_bytes_left",
        "_chunked",
        "_connection",
        "_continue_sent",
        "_end_delivered",
        "_no_body",
        "_pending_head",
        "_status",
        "_wakeup",
        "body_complete",
        "complete",
        "disconnected",
        "keep_alive",
        "scope",
        "task",
    )

    def __init__(self, connection: ClientConnection, scope: Scope, keep_alive: bool) -> None:
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.task: asyncio.Task[None] | None = None
        self.disconnected = self.body_complete = self.complete = False
        self._body = b""
        # Whether the application has received the end of the body and has waited for more.
        self._end_delivered = self._continue_sent = False
        self._wakeup: asyncio.Event | None = None
        self._status: int | None = None
        self._pending_head = b""
        self._chunked = self._no_body = False
        # How many bytes of the declared Content-Length are still to be sent.
        self._bytes_left: int | None = None

    @property
    def unread(self) -> int:
        """How many bytes of the body the application has not received yet."""
        return len(self._body)

    def feed(self, data: bytes) -> None:
        """Append a part of the body; after the response, drop it."""
        if not self.complete:
            self._body += data
            self.wake()

    def end(self) -> None:
        """Mark the body as complete."""
        self.body_complete = True
        self.wake()

    def wake(self) -> None:
        """Wake the application in ``receive``."""
        if self._wakeup is not None:
            self._wakeup.set()

    async def run(self, app: ASGIApp) -> None:
        """Run the application; answer 500 when it fails before its response."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._connection.close()
            raise
        except Exception:  # noqa: BLE001 - an application may raise anything
            _LOG.exception("The application failed")
        else:
            if not (self.complete or self.disconnected):
                _LOG.error("The application returned before its response was complete")
        finally:
            self._connection.task_done(self)
        if self.complete or self.disconnected:
            return
        if self._status is not None:
            self._connection.close()
            return
        self.keep_alive = False
        await self.send(_INTERNAL_ERROR)
        await self.send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def receive(self) -> Message:
        """Return the next part of the body, or ``http.disconnect``; wait until there is either."""
        while not (self.disconnected or self.complete):
            if not self._end_delivered and (self._body or self.body_complete):
                body, self._body = self._body, b""
                self._end_delivered = self.body_complete
                if not self._connection.is_reading:
                    self._connection.resume_reading()
                return {"type": "http.request", "body": body, "more_body": not self.body_complete}
            if not self._continue_sent and not self.body_complete:
                self._continue_sent = True
                if _expects_continue(self.scope):
                    self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if self._wakeup is None:
                self._wakeup = asyncio.Event()
            self._wakeup.clear()
            await self._wakeup.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """
        Send a part of the response; drop it when the client is disconnected.

        Raises:
            RuntimeError: invalid HTTP, or messages in the wrong order.
        """
        if self._connection.paused and not self.disconnected:
            await self._connection.drained()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.body" and self._status is not None and not self.complete:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and self._status is None:
            self._send_head(message["status"], message.get("headers", ()))
        else:
            due = "a start" if self._status is None else "a part of the body, or nothing more,"
            raise RuntimeError(f"{kind!r} where {due} was due")

    def _send_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        lines, length, wants_close = build_head(
            status, [*self._connection.default_headers, *headers]
        )
        self._status = status
        if wants_close:
            self.keep_alive = False
        # Such a response has no body, whatever its Content-Length says: RFC 9112 §6.3.
        self._no_body = status == 204 or status == 304 or self.scope["method"] == "HEAD"
        if self._no_body:
            length = 0
        elif length is None and self.scope["http_version"] == "1.0":
            # HTTP/1.0 has no chunked coding: the end of the connection ends the response.
            self.keep_alive = False
        elif length is None:
            self._chunked = True
            lines += b"transfer-encoding: chunked\r\n"
        self._bytes_left = length
        lines += b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        if length is None:
            self._connection.write(lines)
        else:
            # Sent with the first part of the body: apart, they cost two system calls and two packets.
            self._pending_head = lines

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._no_body:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = body if more else body + b"0\r\n\r\n"
        elif self._bytes_left is not None:
            self._bytes_left -= len(body)
            if self._bytes_left < 0 or (self._bytes_left and not more):
                raise RuntimeError("the body does not have the length that Content-Length says")
        if self._pending_head or body:
            self._connection.write(self._pending_head + body)
            self._pending_head = b""
        if not more:
            self.complete = True
            self.wake()
            self._connection.response_complete(self)


def _expects_continue(scope: Scope) -> bool:
    """Return whether the client waits for 100 Continue. Spec: RFC 9110 §10.1.1"""
    return any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
    )
