"""The head of an answer, as an application gave it and as HTTP/1.1 carries it."""

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {
    code: b"HTTP/1.1 %d %b\r\n" % (code, _PHRASES.get(code, b"")) for code in range(200, 600)
}
# RFC 9110 §5.1, §5.5: all else could end a line, or begin another header.
_IN_NAMES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FRAMING = frozenset({b"content-length", b"connection", b"transfer-encoding"})
_IN_LINES = b"\t" + bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)


def read_head(
    status: int, headers: Sequence[tuple[bytes, bytes]]
) -> tuple[bytes, int | None, bool]:
    """
    Return the lines of the head that an application gave, the length that it announced, and whether
    it wants the connection to end.

    What says how the answer is cut and whether it is the last is not among the lines.

    Raises:
        RuntimeError: a header or a status that HTTP cannot carry.

    Spec: RFC 9112 §4, §5; RFC 9110 §5.5
    """
    if status not in _STATUS_LINES:
        raise RuntimeError(f"no answer has the status {status}")
    parts, length, closes = [_STATUS_LINES[status]], None, False
    for name, value in headers:
        if name in _FRAMING:
            if name == b"content-length":
                length = int(value)
            else:
                # How an answer is cut is between the server and the client.
                closes = closes or (name == b"connection" and b"close" in value.lower())
                continue
        parts += (_opening(name), value, b"\r\n")
    lines = b"".join(parts)
    # All at once. What is left must be the ends of our own lines: one after the status, and one
    # after each header, which is three parts.
    if lines.translate(None, _IN_LINES) != b"\r\n" * (len(parts) // 3 + 1):
        raise RuntimeError("a header that HTTP cannot carry")
    return lines, length, closes


@lru_cache(maxsize=256)
def _opening(name: bytes) -> bytes:
    """Return how the line of a header begins."""
    if not name or name.translate(None, _IN_NAMES):
        raise RuntimeError("a header that HTTP cannot carry")
    return name + b": "
