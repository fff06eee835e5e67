"""The last events of a stream, for a client that lost its connection and resumes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from doorward.identity import Identity

# A client that missed more than 500 events had better send its request again.
MAX_EVENTS = 500
MAX_BYTES = 1024 * 1024
RETRY_MS = 500


def format_event(message: bytes, event_id: str | None = None) -> bytes:
    """Return ``message``, which is JSON on one line, as a server-sent event."""
    prefix = b"" if event_id is None else b"id: %b\n" % event_id.encode()
    return b"%bevent: message\ndata: %b\n\n" % (prefix, message)


class EventLog:
    """
    The events of one stream of a session, past and future.

    ``name`` is unique in the session; event ids are ``name.number``. ``identity`` is the caller whose
    request began the stream.

    Spec: MCP 2025-11-25, transports, "Resumability and Redelivery"
    """

    def __init__(self, name: str, identity: Identity | None) -> None:
        self.name = name
        self.identity = identity
        self._events: deque[tuple[int, bytes]] = deque()
        self._count = 0
        self._bytes = 0
        self._ended = False
        self.abandoned = False
        self._changed = asyncio.Event()

    def priming(self) -> bytes:
        """Return the first event: an id to resume from, and the time to wait before that."""
        return b"id: %b.0\nretry: %d\ndata: \n\n" % (self.name.encode(), RETRY_MS)

    def add(self, message: bytes) -> bytes:
        """Store a message, and return its event."""
        self._count += 1
        text = format_event(message, f"{self.name}.{self._count}")
        self._events.append((self._count, text))
        self._bytes += len(text)
        # The last event stays whatever its size: it may be the response.
        while len(self._events) > 1 and self._exceeds_limits():
            self._bytes -= len(self._events.popleft()[1])
        self._changed.set()
        return text

    def _exceeds_limits(self) -> bool:
        return len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES

    def end(self) -> None:
        """Mark the last event."""
        self._ended = True
        self._changed.set()

    def abandon(self) -> None:
        """Mark the end of a stream without a response."""
        self.abandoned = True
        self.end()

    async def after(self, number: int) -> AsyncIterator[bytes]:
        """Yield every stored event after this number, and each new one until the end."""
        while True:
            self._changed.clear()
            for count, text in [one for one in self._events if one[0] > number]:
                number = count
                yield text
            if self._count > number:
                continue
            if self._ended:
                return
            await self._changed.wait()
