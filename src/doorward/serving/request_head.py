"""Request heads that the parser accepts, and that another reader would read differently."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?][^#]*)?", re.IGNORECASE)

# The messages of httptools for versions that it does not parse, such as the preface of HTTP/2.
_VERSION_ERRORS = frozenset({"Invalid HTTP version", "Pause on PRI/Upgrade"})


class HeadRefusal(NamedTuple):
    """The status line and the sentence that answer a refused head."""

    status: bytes
    message: bytes


class HeadRefused(Exception):
    """The head is refused; no application sees the request."""

    def __init__(self, answer: HeadRefusal) -> None:
        super().__init__(answer.message.decode())
        self.answer = answer


NOT_HTTP = HeadRefusal(b"400 Bad Request", b"This is not an HTTP request")
HEAD_TOO_LARGE = HeadRefusal(
    b"431 Request Header Fields Too Large", b"The headers of the request are too long"
)
UNSUPPORTED_VERSION = HeadRefusal(
    b"505 HTTP Version Not Supported", b"This server supports HTTP/1.1"
)
UNSUPPORTED_CODING = HeadRefusal(
    b"501 Not Implemented", b"This server supports no transfer coding but chunked"
)
INVALID_TARGET = HeadRefusal(
    b"400 Bad Request", b"The request target must be a path, or a URL of the host in Host"
)


def refusal_for(error: Exception) -> HeadRefusal:
    """Return the answer to the parser's ``error``: that of a callback's ``HeadRefused``, or 400 or 505."""
    cause = error.__context__
    if isinstance(cause, HeadRefused):
        return cause.answer
    return UNSUPPORTED_VERSION if str(error) in _VERSION_ERRORS else NOT_HTTP


def require_version(version: str) -> None:
    """
    Refuse versions other than HTTP/1.1 and HTTP/1.0.

    Raises:
        HeadRefused: 505.

    Spec: RFC 9110 §15.6.6
    """
    if version not in ("1.1", "1.0"):
        raise HeadRefused(UNSUPPORTED_VERSION)


def require_chunked(coding: bytes) -> None:
    """
    Refuse transfer codings other than chunked: the application would read ``gzip`` as its message.

    Raises:
        HeadRefused: 501.

    Spec: RFC 9112 §6.1
    """
    if coding.strip(b" \t").lower() != b"chunked":
        raise HeadRefused(UNSUPPORTED_CODING)


def origin_form(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """
    Return path and query of a ``target`` in absolute form.

    Its host overrides ``Host``. Applications check ``Host``, so the two must be equal.

    Raises:
        HeadRefused: 400, not a URL of that host.

    Spec: RFC 9112 §3.2.2
    """
    found = _ABSOLUTE.fullmatch(target)
    hosts = [value.lower() for name, value in headers if name == b"host"]
    if found is None or hosts != [found[1].lower()]:
        raise HeadRefused(INVALID_TARGET)
    tail = found[2] or b"/"
    return tail if tail.startswith(b"/") else b"/" + tail
