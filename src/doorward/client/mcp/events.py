"""A streaming parser for server-sent events."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from doorward.client.http.http_client import require_identity
from doorward.client.refusals import ProtocolBroken

MAX_RETRY = 60.0
"""Seconds; a longer ``retry`` of the server is cut to this."""

MAX_EVENT_ID = 1024
"""Characters; an event with a longer id is delivered, but the stream cannot resume after it."""

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Event:
    """
    One event; ``data`` is empty for an event that only sets the id or the retry time.

    ``id`` is the last id that the stream gave, ``retry`` the last pause in seconds.
    """

    data: bytes = field(repr=False)
    id: str | None
    retry: float | None


class EventReader:
    """
    Builds events from lines; keeps the id and the retry time across events.

    ``held`` is the number of buffered bytes of an incomplete event.

    Spec: WHATWG HTML §9.2.6
    """

    def __init__(self) -> None:
        self.id: str | None = None
        self.retry: float | None = None
        self._data = bytearray()
        self._touched = False

    @property
    def held(self) -> int:
        """The buffered bytes of the incomplete event."""
        return len(self._data)

    def take(self, line: bytes) -> Event | None:
        """Take one line without its end; return the event that it completes, if any."""
        if not line:
            return self._complete()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data += value
            self._data += b"\n"
        elif name == b"id" and b"\0" not in value:
            self.id, self._touched = _sendable_id(value), True
        elif name == b"retry" and value.isdigit() and len(value) < 10:
            self.retry, self._touched = min(int(value) / 1000, MAX_RETRY), True
        return None

    def _complete(self) -> Event | None:
        if not self._data and not self._touched:
            return None
        event = Event(bytes(self._data[:-1]), self.id, self.retry)
        self._data, self._touched = bytearray(), False
        return event


def _sendable_id(value: bytes) -> str | None:
    """Return the id as text; ``None`` when it cannot be sent back in a header."""
    text = value.decode("utf-8", "replace")
    return text if 0 < len(text) <= MAX_EVENT_ID and text.isprintable() else None


class LineReader:
    """
    Splits chunks into lines that end with LF, CR or CRLF.

    Reads each byte once: a reader that starts again at the beginning of the line takes seconds for
    a line of 80 kB in chunks of one byte. ``held`` is the number of buffered bytes.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._ended_with_cr = False

    @property
    def held(self) -> int:
        """The buffered bytes of the incomplete line."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add a chunk; return the completed lines, without their line ends."""
        if not chunk:
            return []
        # The LF of a CRLF that was split between two chunks.
        body = chunk[1:] if self._ended_with_cr and chunk.startswith(b"\n") else chunk
        self._ended_with_cr = chunk.endswith(b"\r")
        first, *others = _split(body)
        self._rest += first
        if not others:
            return []
        lines = [bytes(self._rest), *others[:-1]]
        self._rest = bytearray(others[-1])
        return lines

    def end(self) -> bytes:
        """Return what came after the last line end."""
        return bytes(self._rest)


async def read_events(response: httpx2.Response, limit: int) -> AsyncIterator[Event]:
    """
    Yield the events of a streamed response; ``limit`` is in bytes for one event.

    Raises:
        ProtocolBroken: it is compressed, or an event is too long.
    """
    require_identity(response)
    reader, lines, begun = EventReader(), LineReader(), False
    async for chunk in response.aiter_raw():
        for line in lines.feed(chunk):
            event = reader.take(line if begun else line.removeprefix(_MARK))
            begun = True
            if event is not None:
                yield event
            _require_bounds(response, reader.held, limit)
        _require_bounds(response, reader.held + lines.held, limit)
    # Some servers omit the empty line after the last event.
    last = lines.end()
    for line in (last if begun else last.removeprefix(_MARK), b""):
        event = reader.take(line)
        if event is not None:
            yield event


def _require_bounds(response: httpx2.Response, held: int, limit: int) -> None:
    if held > limit:
        raise ProtocolBroken(
            "too-large",
            f"{response.url.host} sent an event of more than {limit} bytes.",
            "The server's operator must send shorter events.",
        )


def _split(data: bytes) -> list[bytes]:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
