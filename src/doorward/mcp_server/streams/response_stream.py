"""An answer that became a stream: notifications first, the result last."""

from collections.abc import Iterable

from doorward.mcp_server.asgi import Send
from doorward.mcp_server.streams.event_log import EventLog

HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx keeps a stream to itself until there is enough of it, unless told.
    (b"x-accel-buffering", b"no"),
)
KEEP_ALIVE = b":\n\n"
_READS_EVENTS = frozenset({b"text/event-stream", b"text/*", b"*/*"})


def accepts_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether the client can read a stream; one that does not say what it reads cannot."""
    return any(
        part.split(b";", 1)[0].strip().lower() in _READS_EVENTS
        for name, value in headers
        if name == b"accept"
        for part in value.split(b",")
    )


def event(message: bytes, event_id: bytes | None = None) -> bytes:
    """Return ``message``, which is JSON on one line, as a server-sent event."""
    opening = b"" if event_id is None else b"id: %b\n" % event_id
    return b"%bevent: message\ndata: %b\n\n" % (opening, message)


class ResponseStream:
    """
    The stream that answers one request.

    With a ``log`` its events have ids, and a client of a session may come back for what it missed.

    Spec: MCP 2026-07-28, transports/streamable-http, "Receiving Messages"; 2025-11-25, transports,
    "Resumability and Redelivery"
    """

    def __init__(self, send: Send, log: EventLog | None = None) -> None:
        self._send = send
        self._log = log
        self._open = True

    @classmethod
    async def begin(
        cls, send: Send, log: EventLog | None, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> "ResponseStream":
        """Return a stream whose first bytes are on their way."""
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
        stream = cls(send, log)
        if log is not None:
            await stream._write(log.priming())
        return stream

    async def notify(self, message: bytes) -> None:
        """Send one message that is not the answer."""
        await self._write(self._log.add(message) if self._log else event(message))

    async def finish(self, message: bytes) -> None:
        """Send the answer and end the stream."""
        last = event(message)
        if self._log is not None:
            last = self._log.add(message)
            self._log.end()
        if self._open:
            self._open = False
            await self._send({"type": "http.response.body", "body": last})

    async def detach(self) -> None:
        """End the connection but not the answer: the client comes back for the rest of it."""
        assert self._log is not None
        self._open = False
        await self._send({"type": "http.response.body", "body": b""})

    async def abandon(self) -> None:
        """End the stream without an answer: the client takes its request back."""
        if self._log is not None:
            self._log.abandon()
        if self._open:
            self._open = False
            await self._send({"type": "http.response.body", "body": b""})

    @property
    def is_open(self) -> bool:
        """Say whether the connection is still the one that asked."""
        return self._open

    async def _write(self, data: bytes) -> None:
        if self._open:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
