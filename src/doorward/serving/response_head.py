"""Response heads in HTTP/1.1, from what an ASGI application sends."""

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {
    code: b"HTTP/1.1 %d %b\r\n" % (code, _PHRASES.get(code, b"")) for code in range(200, 600)
}
# RFC 9110 §5.1, §5.5: any other byte could end the line and begin another header.
_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FRAMING = frozenset({b"content-length", b"connection", b"transfer-encoding"})
_VALUE_BYTES = b"\t" + bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)


def build_head(
    status: int, headers: Sequence[tuple[bytes, bytes]]
) -> tuple[bytes, int | None, bool]:
    """
    Return the lines of the head, its Content-Length, and whether it asks to close the connection.

    ``Connection`` and ``Transfer-Encoding`` are left out: the server sets them.

    Raises:
        RuntimeError: an invalid status or header.

    Spec: RFC 9112 §4, §5; RFC 9110 §5.5
    """
    if status not in _STATUS_LINES:
        raise RuntimeError(f"{status} is not the status of a response")
    parts, length, wants_close = [_STATUS_LINES[status]], None, False
    for name, value in headers:
        if name in _FRAMING:
            if name == b"content-length":
                length = int(value)
            else:
                # Framing is between server and client; an application does not decide on it.
                wants_close = wants_close or (name == b"connection" and b"close" in value.lower())
                continue
        parts += (_header_start(name), value, b"\r\n")
    lines = b"".join(parts)
    # One check for all headers. Without valid bytes, only the line ends remain that were added here:
    # one after the status, and one after each header, which is three parts.
    if lines.translate(None, _VALUE_BYTES) != b"\r\n" * (len(parts) // 3 + 1):
        raise RuntimeError("a header with a byte that HTTP does not allow")
    return lines, length, wants_close


@lru_cache(maxsize=256)
def _header_start(name: bytes) -> bytes:
    """Return the header's name and colon."""
    if not name or name.translate(None, _NAME_BYTES):
        raise RuntimeError("a header with a byte that HTTP does not allow")
    return name + b": "
