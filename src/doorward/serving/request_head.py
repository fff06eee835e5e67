"""The head of a request: what the parser takes and another reader would take otherwise."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([/?][^#]*)?", re.IGNORECASE)

# What httptools says of the versions that it does not parse, the preface of HTTP/2 among them.
_OF_OTHER_VERSIONS = frozenset({"Invalid HTTP version", "Pause on PRI/Upgrade"})


class HeadRefusal(NamedTuple):
    """The status line and the sentence that a refused head is answered with."""

    status: bytes
    said: bytes


class HeadRefused(Exception):
    """A head that no application sees."""

    def __init__(self, answer: HeadRefusal) -> None:
        super().__init__(answer.said.decode())
        self.answer = answer


NOT_HTTP = HeadRefusal(b"400 Bad Request", b"This is not an HTTP request")
HEAD_TOO_LONG = HeadRefusal(
    b"431 Request Header Fields Too Large", b"The headers of the request are too long"
)
OTHER_VERSION = HeadRefusal(b"505 HTTP Version Not Supported", b"This server speaks HTTP/1.1")
OTHER_CODING = HeadRefusal(
    b"501 Not Implemented", b"Of the transfer codings, this server reads chunked alone"
)
OTHER_TARGET = HeadRefusal(
    b"400 Bad Request", b"The target must be a path, or a URL of the host that Host names"
)


def answer_to(error: Exception) -> HeadRefusal:
    """Return what the parser's ``error`` is answered with: what a callback raised, or its own."""
    cause = error.__context__
    if isinstance(cause, HeadRefused):
        return cause.answer
    return OTHER_VERSION if str(error) in _OF_OTHER_VERSIONS else NOT_HTTP


def require_version(version: str) -> None:
    """
    Let pass the versions that are served.

    Raises:
        HeadRefused: 505.

    Spec: RFC 9110 §15.6.6
    """
    if version not in ("1.1", "1.0"):
        raise HeadRefused(OTHER_VERSION)


def require_chunked(coding: bytes) -> None:
    """
    Let pass a body in chunks and nothing else: the application would take ``gzip`` for its message.

    Raises:
        HeadRefused: 501.

    Spec: RFC 9112 §6.1
    """
    if coding.strip(b" \t").lower() != b"chunked":
        raise HeadRefused(OTHER_CODING)


def origin_form(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """
    Return path and query of a ``target`` that is a URL.

    Its host is the one that the request is for, whatever ``Host`` says. Applications judge ``Host``,
    so the two must be equal.

    Raises:
        HeadRefused: 400, it is no URL of that host, or no URL at all.

    Spec: RFC 9112 §3.2.2
    """
    found = _ABSOLUTE.fullmatch(target)
    hosts = [value.lower() for name, value in headers if name == b"host"]
    if found is None or hosts != [found[1].lower()]:
        raise HeadRefused(OTHER_TARGET)
    tail = found[2] or b"/"
    return tail if tail.startswith(b"/") else b"/" + tail
