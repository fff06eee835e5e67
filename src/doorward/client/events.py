"""Server-sent events, read as they come."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from doorward.client.courier import require_identity
from doorward.client.refusals import ProtocolBroken

LONGEST_RETRY = 60.0
"""Seconds; a server that asks for a longer pause is asked again after this one."""


@dataclass(frozen=True)
class Event:
    """
    One event: ``data`` is its lines joined, empty for one that only moves the place in the stream.

    ``id`` is the last id that the stream gave, ``retry`` the last pause in seconds.
    """

    data: bytes = field(repr=False)
    id: str | None
    retry: float | None


class EventReader:
    """
    Builds events from lines; remembers the id and the pause across events.

    Spec: WHATWG HTML §9.2.6
    """

    def __init__(self) -> None:
        self.id: str | None = None
        self.retry: float | None = None
        self._data: list[bytes] = []
        self._touched = False

    def take(self, line: bytes) -> Event | None:
        """Take one line without its end; return the event that it completes, if any."""
        if not line:
            return self._complete()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id" and b"\0" not in value:
            self.id, self._touched = value.decode("utf-8", "replace") or None, True
        elif name == b"retry" and value.isdigit() and len(value) < 10:
            self.retry, self._touched = min(int(value) / 1000, LONGEST_RETRY), True
        return None

    def _complete(self) -> Event | None:
        if not self._data and not self._touched:
            return None
        event = Event(b"\n".join(self._data), self.id, self.retry)
        self._data, self._touched = [], False
        return event


async def read_events(response: httpx2.Response, limit: int) -> AsyncIterator[Event]:
    """
    Yield the events of a streamed response until it ends; ``limit`` is in octets for one event.

    Raises:
        ProtocolBroken: it is compressed, or an event is too long.
    """
    require_identity(response)
    reader, pending, size = EventReader(), b"", 0
    async for chunk in response.aiter_raw():
        pending += chunk
        *lines, pending = _lines(pending)
        size += len(chunk)
        for line in lines:
            event = reader.take(line.removeprefix(b"\xef\xbb\xbf"))
            if event is not None:
                yield event
                size = len(pending)
        if size > limit:
            raise ProtocolBroken(
                "too-large",
                f"{response.url.host} sent an event of more than {limit} octets.",
                "No honest answer is so long.",
            )
    # What servers leave out at the end of their last event is the empty line after it.
    for line in (pending, b""):
        event = reader.take(line)
        if event is not None:
            yield event


def _lines(data: bytes) -> list[bytes]:
    # A carriage return at the very end may be half of a line's end: it waits for the other half.
    held = b"\r" if data.endswith(b"\r") else b""
    body = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, rest = body.split(b"\n")
    return [*lines, rest + held]
