"""A response as an event stream: notifications first, the result last."""

from collections.abc import Iterable

from doorward.mcp_server.streams.event_log import EventLog, format_event
from doorward.wire.asgi import Send

EVENT_STREAM_HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # Without this header, nginx buffers the stream.
    (b"x-accel-buffering", b"no"),
)
KEEP_ALIVE = b":\n\n"
_EVENT_STREAM_TYPES = frozenset({b"text/event-stream", b"text/*", b"*/*"})


def accepts_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether Accept allows an event stream; without the header it does not."""
    return any(
        part.split(b";", 1)[0].strip().lower() in _EVENT_STREAM_TYPES
        for name, value in headers
        if name == b"accept"
        for part in value.split(b",")
    )


class ResponseStream:
    """
    The response to one request, as an event stream.

    With a ``log`` its events have ids, and a client with a session can resume it.

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
        """Send the headers, and return the stream."""
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*EVENT_STREAM_HEADERS, *headers],
            }
        )
        stream = cls(send, log)
        if log is not None:
            await stream._write(log.priming())
        return stream

    async def notify(self, message: bytes) -> None:
        """Send one message before the response."""
        await self._write(self._log.add(message) if self._log else format_event(message))

    async def finish(self, message: bytes) -> None:
        """Send the response and end the stream."""
        last = format_event(message)
        if self._log is not None:
            last = self._log.add(message)
            self._log.end()
        if self._open:
            self._open = False
            await self._send({"type": "http.response.body", "body": last})

    async def detach(self) -> None:
        """Close the connection but not the log: the client resumes the stream later."""
        assert self._log is not None
        self._open = False
        await self._send({"type": "http.response.body", "body": b""})

    async def abandon(self) -> None:
        """End the stream without a response: the client has cancelled its request."""
        if self._log is not None:
            self._log.abandon()
        if self._open:
            self._open = False
            await self._send({"type": "http.response.body", "body": b""})

    @property
    def is_open(self) -> bool:
        """Say whether the connection of the request is still open."""
        return self._open

    async def _write(self, data: bytes) -> None:
        if self._open:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
