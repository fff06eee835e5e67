"""HTTP/1.1 with an end to what may come before a body."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 * 1024

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: 51\r\nconnection: close\r\n\r\n"
    b'{"error":"The headers of the request are too long"}'
)


class _HeadTooLong(Exception):
    """Ends the parser from inside one of its callbacks."""


class BoundedHead(HttpToolsProtocol):
    """
    uvicorn's httptools protocol, which by itself keeps whatever headers somebody cares to send.

    One client without a token could have it hold gigabytes: nothing of ours is asked before the
    headers are complete.

    Spec: RFC 6585 §5
    """

    _head_is_open = False
    _head_bytes = 0
    _arrived = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes from the line; end the connection when a head grows beyond all measure."""
        super().data_received(data)
        # A single endless header never comes to its callback, so what is not yet complete is
        # counted as it arrives.
        if self._head_is_open and not self.transport.is_closing():
            self._arrived += len(data)
            if self._arrived > LONGEST_HEAD:
                self._refuse()

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._head_is_open = True
        self._head_bytes = self._arrived = 0

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count one header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop counting: what comes now is the body, and that has a limit of its own."""
        self._head_is_open = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that the head was too long where that was the reason, and otherwise as uvicorn does."""
        if self._head_bytes > LONGEST_HEAD:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > LONGEST_HEAD:
            raise _HeadTooLong

    def _refuse(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()
