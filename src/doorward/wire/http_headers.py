"""Header lines of HTTP/1.1, without bytes that could end a line early, and media types."""

from functools import lru_cache

# RFC 9110 §5.1, §5.5: any other byte could end the line and begin another header.
_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE_BYTES = b"\t" + bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)


class InvalidHeader(RuntimeError):
    """A header has a byte that HTTP does not allow."""

    def __init__(self) -> None:
        super().__init__("a header with a byte that HTTP does not allow")


@lru_cache(maxsize=256)
def header_start(name: bytes) -> bytes:
    """
    Return the header's name and colon.

    Raises:
        InvalidHeader: a byte that is not allowed in names.

    Spec: RFC 9110 §5.1
    """
    if not name or name.translate(None, _NAME_BYTES):
        raise InvalidHeader
    return name + b": "


def require_lines(lines: bytes, count: int) -> None:
    """
    Return if ``lines`` are exactly ``count`` lines of allowed bytes.

    One check for a whole head: without allowed bytes, only the line ends that the caller added remain.

    Raises:
        InvalidHeader: a byte that is not allowed in values, or another line.

    Spec: RFC 9110 §5.5
    """
    if lines.translate(None, _VALUE_BYTES) != b"\r\n" * count:
        raise InvalidHeader


def media_type(content_type: bytes) -> bytes:
    """
    Return the media type of a ``Content-Type`` in lower case, without its parameters.

    Spec: RFC 9110 §8.3.1
    """
    return content_type.partition(b";")[0].strip().lower()
