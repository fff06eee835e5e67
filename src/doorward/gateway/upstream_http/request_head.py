"""The head of a request to an upstream server."""

import re
from collections.abc import Sequence
from functools import lru_cache

from doorward.wire.http_headers import InvalidHeader, header_start, require_lines

_START = re.compile(rb"[A-Z]+ /[!-~]* HTTP/1\.1\r\n")
_FRAMING = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"}
)
_NO_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def build_head(
    method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], length: int
) -> bytes:
    """
    Return the head of a request whose body has ``length`` bytes.

    Raises:
        InvalidHeader: a method, target or header that servers could read as another request, or a
            header that frames the body. This function writes the only one.

    Spec: RFC 9112 §3, §5, §6.2
    """
    start = b"%b %b HTTP/1.1\r\n" % (method.encode(), target)
    if not _START.fullmatch(start):
        raise InvalidHeader
    parts = [start]
    for name, value in headers:
        parts += (_unframed(name), value, b"\r\n")
    count = 1 + len(headers)
    if length or method not in _NO_BODY:
        parts.append(b"content-length: %d\r\n" % length)
        count += 1
    lines = b"".join(parts)
    require_lines(lines, count)
    return lines + b"\r\n"


@lru_cache(maxsize=256)
def _unframed(name: bytes) -> bytes:
    if name.lower() in _FRAMING:
        raise InvalidHeader
    return header_start(name)
