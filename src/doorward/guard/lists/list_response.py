"""A response with a list, which is read as a whole before its reader gets it."""

from collections.abc import Callable

from doorward.guard.http.cors import Headers
from doorward.guard.refusals import ListNotReadable
from doorward.wire.asgi import Message, Scope, Send
from doorward.wire.event_stream import EventRewriter
from doorward.wire.http_headers import media_type

LONGEST = 16 * 1024 * 1024
"""The most bytes of a list, or of one event of a stream: it is read as a whole."""

Change = Callable[[bytes], bytes]


def uncompressed(scope: Scope) -> Scope:
    """Return ``scope`` of a request that asks for an answer which can be read here."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
    return {**scope, "headers": headers}


class ListResponse:
    """
    Passes a response on to ``send``, with each of its messages as ``change`` returns it.

    A JSON body is changed when it is complete, events as they come. A list that is compressed or
    longer than ``LONGEST`` is not sent, and neither is one for which ``change`` raises
    ``ListNotReadable``: ``problem`` is the reason, and ``has_begun`` whether a part was sent.
    With ``lists_only``, events are sent when the stream is complete, and no other body is sent.
    """

    def __init__(self, change: Change, send: Send, *, lists_only: bool = False) -> None:
        self.problem: ListNotReadable | None = None
        self.has_begun = False
        self._change = change
        self._send = send
        self._lists_only = lists_only
        self._start: Message | None = None
        self._body = bytearray()
        self._events: EventRewriter | None = None

    async def send(self, message: Message) -> None:
        """Take one message of the application."""
        if self.problem is not None:
            return
        try:
            if message["type"] == "http.response.start":
                await self._begin(message)
            elif message["type"] == "http.response.body":
                await self._continue(message)
            else:
                await self._send(message)
        except ListNotReadable as problem:
            self.problem = problem
            self._body.clear()

    async def _begin(self, message: Message) -> None:
        kind = _body_kind(message.get("headers", ()))
        if kind == b"text/event-stream":
            self._events = EventRewriter(self._change)
        elif kind != b"application/json" and self._lists_only:
            raise ListNotReadable(f"a list as {kind[:80]!r}")
        if kind == b"application/json" or self._lists_only:
            self._start = message
            return
        self.has_begun = True
        await self._send(message if self._events is None else _with_length(message, None))

    async def _continue(self, message: Message) -> None:
        if self._start is not None:
            await self._collect(self._start, message)
        elif self._events is not None:
            chunk = self._events.feed(message.get("body", b""))
            _require_short(self._events.held)
            await self._send({**message, "body": chunk})
        else:
            await self._send(message)

    async def _collect(self, start: Message, message: Message) -> None:
        self._body += message.get("body", b"")
        _require_short(len(self._body))
        if message.get("more_body"):
            return
        change = self._change if self._events is None else self._events.feed
        body = change(bytes(self._body)) if self._body else b""
        self.has_begun = True
        await self._send(_with_length(start, len(body)))
        await self._send({"type": "http.response.body", "body": body})


def _require_short(length: int) -> None:
    if length > LONGEST:
        raise ListNotReadable(f"a list of more than {LONGEST} bytes")


def _body_kind(headers: Headers) -> bytes:
    """
    Return the media type of a body without its parameters.

    Raises:
        ListNotReadable: it is compressed, which nobody asked for.
    """
    known = {name.lower(): value for name, value in headers}
    if known.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise ListNotReadable("a list is compressed, which nobody asked for")
    return media_type(known.get(b"content-type", b""))


def _with_length(start: Message, length: int | None) -> Message:
    kept = [pair for pair in start.get("headers", ()) if pair[0].lower() != b"content-length"]
    if length is not None:
        kept.append((b"content-length", b"%d" % length))
    return {**start, "headers": kept}
