"""Reads one response of an upstream server, and refuses what two readers could read differently."""

import httptools

MAX_HEAD_SIZE = 64 * 1024
_PROTOCOL = b"HTTP/"
_VERSIONS = ("1.1", "1.0")


class InvalidResponse(Exception):
    """The upstream server sent something that is not one HTTP/1.1 response."""


class ResponseReader:
    """
    The response to one request, from the bytes of its connection.

    ``status`` and ``headers`` are set when the head has arrived. ``unread``: how many bytes of the body
    wait in ``take``. ``complete``: the whole response has arrived. ``keep_alive``: the connection can
    carry another request. Interim responses and trailers are dropped.

    httptools refuses ambiguous lengths, folded lines and bare line feeds. This class adds the rest.

    Spec: RFC 9112 §6.3, §7.1; RFC 9110 §15.2
    """

    __slots__ = (
        "_chunked",
        "_interim",
        "_is_head",
        "_lines",
        "_parser",
        "_parts",
        "_start",
        "_to_the_end",
        "complete",
        "headers",
        "keep_alive",
        "status",
        "unread",
    )

    def __init__(self, method: str) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._is_head = method == "HEAD"
        self._start = b""
        # Bytes since the last part of the body: of a head, of trailers or of the size of a chunk.
        self._lines = 0
        self._chunked = self._to_the_end = self._interim = False
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self.unread = 0
        self.complete = self.keep_alive = False

    @property
    def untouched(self) -> bool:
        """Whether nothing has arrived of the response."""
        return not self._start

    def take(self) -> bytes:
        """Return what has arrived of the body since the last time."""
        parts, self._parts, self.unread = self._parts, [], 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def feed(self, data: bytes) -> None:
        """
        Read ``data``.

        Raises:
            InvalidResponse: it is not HTTP/1.1, or ambiguous.
        """
        if self.complete:
            # Nobody asked for it. The next request would get it as its response.
            self.keep_alive = False
            return
        if len(self._start) < len(_PROTOCOL):
            self._start = (self._start + data)[: len(_PROTOCOL)]
            if not _PROTOCOL.startswith(self._start):
                raise InvalidResponse(f"it begins with {self._start!r}")
        self._lines += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            if isinstance(cause, InvalidResponse):
                raise cause from None
            if not self.complete:
                raise InvalidResponse(str(error)) from None
            self.keep_alive = False
        # The parser keeps an endless header, in a head or in trailers, and never calls back.
        if self._lines > MAX_HEAD_SIZE and not self.complete:
            raise InvalidResponse(f"lines of more than {MAX_HEAD_SIZE} bytes")

    def feed_eof(self) -> None:
        """
        End the response: the server has closed the connection.

        Raises:
            InvalidResponse: the response is not complete.
        """
        if self.complete:
            return
        if not self._to_the_end:
            raise InvalidResponse("the server closed the connection before the end")
        self.complete = True

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Expect the final response after an interim one, and nothing after that."""
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; drop trailers, which could replace headers that were checked."""
        if self.status is not None:
            return
        name = name.lower()
        if name == b"transfer-encoding":
            # Exactly: httptools takes "chunked\t" for another coding, and reads to the end.
            if self._chunked or value.lower() != b"chunked":
                raise InvalidResponse(f"transfer coding {value[:50]!r}")
            self._chunked = True
        self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Keep the head, or drop that of an interim response."""
        if self.complete:
            return
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        if version not in _VERSIONS or not 100 <= status < 600 or status == 101:
            raise InvalidResponse(f"HTTP/{version} with status {status}")
        if self._chunked and version != "1.1":
            raise InvalidResponse(f"a chunked response in HTTP/{version}")
        if self._lines > MAX_HEAD_SIZE and self._head_size() > MAX_HEAD_SIZE:
            raise InvalidResponse(f"a head of more than {MAX_HEAD_SIZE} bytes")
        self._interim = status < 200
        if self._interim:
            if self._chunked or self._has_length():
                # The parser would skip the start of the final response as this one's body.
                raise InvalidResponse("an interim response with a body")
            self.headers = []
            return
        self.status = status
        self._lines = 0
        if self._is_head or status in (204, 304):
            # It has no body, whatever the headers say.
            self.complete = True
            self.keep_alive = not self._chunked and self._parser.should_keep_alive()
        else:
            self._to_the_end = not self._chunked and not self._has_length()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self.complete:
            self.keep_alive = False
            return
        self._parts.append(body)
        self.unread += len(body)
        self._lines = 0

    def on_message_complete(self) -> None:
        """Mark the response as complete, unless it is an interim one, or has none."""
        if self.complete or self._interim:
            return
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()

    # Internals.

    def _has_length(self) -> bool:
        return any(name == b"content-length" for name, _ in self.headers)

    def _head_size(self) -> int:
        return sum(len(name) + len(value) for name, value in self.headers)
