"""Response heads in HTTP/1.1, from what an ASGI application sends."""

from collections.abc import Sequence
from http import HTTPStatus

from doorward.wire.http_headers import header_start, require_lines

_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {
    code: b"HTTP/1.1 %d %b\r\n" % (code, _PHRASES.get(code, b"")) for code in range(200, 600)
}
_FRAMING = frozenset({b"content-length", b"connection", b"transfer-encoding"})


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
        parts += (header_start(name), value, b"\r\n")
    lines = b"".join(parts)
    # One line for the status, and one for each header, which is three parts.
    require_lines(lines, len(parts) // 3 + 1)
    return lines, length, wants_close
