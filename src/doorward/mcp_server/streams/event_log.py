"""The last events of one stream, for a client that lost the connection and comes back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

# Five hundred notifications behind, a client is better served by asking again.
MAX_EVENTS = 500
MAX_BYTES = 1024 * 1024
RETRY_MS = 500


class EventLog:
    """
    What was sent on one stream of a session, and what is yet to come.

    ``name`` is the stream's and unique in its session; event ids are ``name.number``.

    Spec: MCP 2025-11-25, transports, "Resumability and Redelivery"
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._events: deque[tuple[int, bytes]] = deque()
        self._count = 0
        self._bytes = 0
        self._ended = False
        self.abandoned = False
        self._changed = asyncio.Event()

    def priming(self) -> bytes:
        """Return the event that gives a client an id to come back with, and says when to."""
        return b"id: %b.0\nretry: %d\ndata: \n\n" % (self.name.encode(), RETRY_MS)

    def add(self, message: bytes) -> bytes:
        """Keep a message; return it as the event to send now."""
        self._count += 1
        text = b"id: %b.%d\nevent: message\ndata: %b\n\n" % (
            self.name.encode(),
            self._count,
            message,
        )
        self._events.append((self._count, text))
        self._bytes += len(text)
        # The last one is kept whatever its size: it may be the answer.
        while len(self._events) > 1 and self._is_over():
            self._bytes -= len(self._events.popleft()[1])
        self._changed.set()
        return text

    def _is_over(self) -> bool:
        return len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES

    def end(self) -> None:
        """Say that nothing will follow."""
        self._ended = True
        self._changed.set()

    def abandon(self) -> None:
        """Say that nothing will follow and that there was no answer."""
        self.abandoned = True
        self.end()

    async def after(self, number: int) -> AsyncIterator[bytes]:
        """Yield every kept event after the given one, waiting for those to come, until the end."""
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
