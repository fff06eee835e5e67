"""Rewriting the messages in a stream of server-sent events, however the stream spells them."""

from collections.abc import Callable, Sequence

_MARK = b"\xef\xbb\xbf"


class EventRewriter:
    """
    Passes events on when they are complete, each with its data as ``change`` returns it.

    ``change`` gets the data of an event without the names of its lines. What it returns unchanged is
    passed on byte for byte. ``held`` is the number of bytes of the incomplete event; what is held at
    the end of the stream is no event, and no client takes it.

    Spec: WHATWG HTML §9.2.6
    """

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self._change = change
        self._held = bytearray()
        self._event: list[bytes] = []
        self._held_lines = 0

    @property
    def held(self) -> int:
        """The bytes of the event that is not complete yet."""
        return len(self._held) + self._held_lines

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the stream; return the events that they complete."""
        self._held += chunk
        # A carriage return at the end may be half of a line end.
        end = self._held.rfind(b"\n") + 1
        lines = bytes(self._held[:end]).splitlines(keepends=True)
        del self._held[:end]
        sent = bytearray()
        for line in lines:
            self._event.append(line)
            self._held_lines += len(line)
            if not line.strip(b"\r\n"):
                sent += self._complete()
        return bytes(sent)

    def _complete(self) -> bytes:
        event, self._event, self._held_lines = self._event, [], 0
        values = [value for line in event if (value := _data(line)) is not None]
        text = b"\n".join(values)
        changed = self._change(text) if text.strip() else text
        if changed == text:
            return b"".join(event)
        # One line: a line end in the data would begin another field.
        return b"".join([*_without_data(event), b"data: ", changed, b"\n", event[-1]])


def _without_data(event: Sequence[bytes]) -> list[bytes]:
    return [line for line in event[:-1] if _data(line) is None]


def _data(line: bytes) -> bytes | None:
    """Return the data of a line; ``None`` if it has none."""
    # A stream may begin with a byte order mark, which is not part of the name.
    name, _, value = line.removeprefix(_MARK).rstrip(b"\r\n").partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None
