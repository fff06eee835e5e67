"""The head of an answer, as an application gave it and as HTTP/1.1 carries it."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {
    code: b"HTTP/1.1 %d %b\r\n" % (code, _PHRASES.get(code, b"")) for code in range(200, 600)
}
# RFC 9110 §5.1, §5.5: what could end a line, or begin another header.
_NOT_IN_NAMES = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_NOT_IN_VALUES = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Head(NamedTuple):
    """
    The lines of a head without those that say how the answer is cut and whether it is the last.

    ``length`` is what the application announced, if anything; ``closes`` says that it wants the
    connection to end.
    """

    lines: list[bytes]
    length: int | None
    closes: bool


def read_head(status: int, headers: Sequence[tuple[bytes, bytes]]) -> Head:
    """
    Return the head that an application gave.

    Raises:
        RuntimeError: a header or a status that HTTP cannot carry.

    Spec: RFC 9112 §4, §5; RFC 9110 §5.5
    """
    # All at once, because as a rule there is nothing wrong with any of them.
    names, values = [name for name, _ in headers], [value for _, value in headers]
    if _NOT_IN_NAMES.search(b"".join(names)) or _NOT_IN_VALUES.search(b"".join(values)):
        raise RuntimeError("a header that HTTP cannot carry")
    if status not in _STATUS_LINES:
        raise RuntimeError(f"no answer has the status {status}")
    lines, length, closes = [_STATUS_LINES[status]], None, False
    for name, value in headers:
        # How an answer is cut is between the server and the client.
        if name == b"transfer-encoding":
            continue
        if name == b"connection":
            closes = closes or b"close" in value.lower()
            continue
        if name == b"content-length":
            length = int(value)
        lines.append(b"%b: %b\r\n" % (name, value))
    return Head(lines, length, closes)
