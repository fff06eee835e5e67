"""One request and its answer, between a connection and an ASGI application."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

from doorward.serving.response_head import read_head

_LOG = logging.getLogger("doorward.serving")
_FAILED: Message = {
    "type": "http.response.start",
    "status": 500,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"21")],
}


class ClientConnection(Protocol):
    """What a turn needs of its connection."""

    paused: bool
    reads: bool

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that every answer has."""

    def write(self, data: bytes) -> None:
        """Send ``data``."""

    async def drained(self) -> None:
        """Wait until the client has taken enough of what was written."""

    def go_on_reading(self) -> None:
        """Take more from the client, where that was stopped."""

    def answered(self, cycle: "RequestCycle") -> None:
        """Hear that the answer is whole."""

    def over(self, cycle: "RequestCycle") -> None:
        """Hear that the application is done with it."""

    def break_off(self) -> None:
        """Close without finishing what was begun."""


class RequestCycle:
    """
    One call of the application: what it receives, and what it sends.

    ``stays`` says whether the connection outlives the answer, ``gone`` that nobody reads any more,
    ``ended`` that the request's body has all arrived, ``complete`` that the answer has all left.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_continued",
        "_held",
        "_left",
        "_line",
        "_news",
        "_silent",
        "_status",
        "_told",
        "complete",
        "ended",
        "gone",
        "scope",
        "stays",
        "task",
    )

    def __init__(self, line: ClientConnection, scope: Scope, stays: bool) -> None:
        self._line = line
        self.scope = scope
        self.stays = stays
        self.task: asyncio.Task[None] | None = None
        self.gone = self.ended = self.complete = False
        self._body = b""
        # Whether the application was told the end of the body, and who waits for more.
        self._told = self._continued = False
        self._news: asyncio.Event | None = None
        self._status: int | None = None
        self._held = b""
        self._chunked = self._silent = False
        # How much of the announced length is still to come, where one was announced.
        self._left: int | None = None

    @property
    def unread(self) -> int:
        """How many bytes have arrived that the application has not asked for."""
        return len(self._body)

    def feed(self, data: bytes) -> None:
        """Take a piece of the body; after the answer, nobody wants it."""
        if not self.complete:
            self._body += data
            self.tell()

    def end(self) -> None:
        """Take note that the body is whole."""
        self.ended = True
        self.tell()

    def tell(self) -> None:
        """Wake whoever waits in ``receive``."""
        if self._news is not None:
            self._news.set()

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer; what it fails to do is done for it."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._line.break_off()
            raise
        except Exception:  # noqa: BLE001 - an application may raise anything
            _LOG.exception("The application failed")
        else:
            if not (self.complete or self.gone):
                _LOG.error("The application returned before its answer was whole")
        finally:
            self._line.over(self)
        if self.complete or self.gone:
            return
        if self._status is not None:
            self._line.break_off()
            return
        self.stays = False
        await self.send(_FAILED)
        await self.send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def receive(self) -> Message:
        """Return the next piece of the body, or that the client is gone, when there is either."""
        while not (self.gone or self.complete):
            if not self._told and (self._body or self.ended):
                body, self._body = self._body, b""
                self._told = self.ended
                if not self._line.reads:
                    self._line.go_on_reading()
                return {"type": "http.request", "body": body, "more_body": not self.ended}
            if not self._continued and not self.ended:
                self._continued = True
                if _waits_for_leave(self.scope):
                    self._line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if self._news is None:
                self._news = asyncio.Event()
            self._news.clear()
            await self._news.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """
        Send a part of the answer; nothing is sent to a client that is gone.

        Raises:
            RuntimeError: what HTTP cannot carry, or parts in the wrong order.
        """
        if self._line.paused and not self.gone:
            await self._line.drained()
        if self.gone:
            return
        kind = message["type"]
        if kind == "http.response.body" and self._status is not None and not self.complete:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and self._status is None:
            self._start(message["status"], message.get("headers", ()))
        else:
            due = "a start" if self._status is None else "a part of the body, or nothing more,"
            raise RuntimeError(f"{kind!r} where {due} was due")

    def _start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        lines, length, closes = read_head(status, [*self._line.default_headers, *headers])
        self._status = status
        if closes:
            self.stays = False
        # Whatever is announced, such an answer has no body: RFC 9112 §6.3.
        self._silent = status == 204 or status == 304 or self.scope["method"] == "HEAD"
        if self._silent:
            length = 0
        elif length is None and self.scope["http_version"] == "1.0":
            # Such a client knows no pieces: the answer ends with the connection.
            self.stays = False
        elif length is None:
            self._chunked = True
            lines += b"transfer-encoding: chunked\r\n"
        self._left = length
        lines += b"\r\n" if self.stays else b"connection: close\r\n\r\n"
        if length is None:
            self._line.write(lines)
        else:
            # Head and body apart are two system calls and two packets; this one's body comes soon.
            self._held = lines

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self._silent:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = body if more else body + b"0\r\n\r\n"
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("an answer of another length than its Content-Length")
        if self._held or body:
            self._line.write(self._held + body)
            self._held = b""
        if not more:
            self.complete = True
            self.tell()
            self._line.answered(self)


def _waits_for_leave(scope: Scope) -> bool:
    """Say whether the client sends its body only when it is told to: RFC 9110 §10.1.1."""
    return any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
    )
