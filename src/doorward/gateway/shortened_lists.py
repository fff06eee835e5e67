"""Lists of an upstream server, with only what their reader may use."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from doorward.gateway.headers import Header
from doorward.gateway.refusals import UpstreamBroken
from doorward.gateway.upstream import UpstreamResponse
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.policy import Operation
from doorward.policy.lists import LISTS, only_permitted
from doorward.wire.asgi import Scope
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope

Permits = Callable[[Identity | None, Operation], bool]
LARGEST_LIST = 16 * 1024 * 1024
"""Bytes of one list, or of one event of a stream."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class ShortenedLists:
    """
    Removes from lists what ``permits`` refuses to the caller.

    A client can fetch the rest of an interrupted stream with GET, so those streams are read too.

    Spec: MCP 2026-07-28, server/tools, "Listing Tools"; 2025-11-25, transports, "Resumability and
    Redelivery"
    """

    def __init__(self, permits: Permits) -> None:
        self._permits = permits

    def methods_in(self, scope: Scope) -> Sequence[str]:
        """Return the list methods whose results the response to this request can have."""
        envelope = scope.get(ENVELOPE_KEY)
        if isinstance(envelope, Envelope):
            return (envelope.method,) if envelope.method in LISTS else ()
        return tuple(LISTS) if scope["method"] == "GET" else ()

    def shortened(
        self, response: UpstreamResponse, methods: Sequence[str], scope: Scope
    ) -> UpstreamResponse:
        """
        Return the response without what the caller of ``scope`` may not use.

        Reading it raises:
            UpstreamBroken: 502, a list cannot be read, so nobody knows what is in it.
        """
        headers = dict(response.headers)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind not in (b"application/json", b"text/event-stream"):
            return response
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise UpstreamBroken("a list is compressed, which nobody asked for")
        identity = scope.get(IDENTITY_KEY)

        def shorten(message: bytes) -> bytes:
            return self._shorten(message, methods, identity)

        chunks = _whole if kind == b"application/json" else _events
        # Its length is known only when it is complete.
        kept: list[Header] = [one for one in response.headers if one[0] != b"content-length"]
        return UpstreamResponse(response.status, kept, chunks(response.chunks, shorten))

    def _shorten(self, text: bytes, methods: Sequence[str], identity: Identity | None) -> bytes:
        try:
            message = _decode(text)
        except ValueError:
            raise UpstreamBroken("a list is not JSON") from None
        if isinstance(message, list):
            return _encode([self._result(one, methods, identity) for one in message])
        shown = self._result(message, methods, identity)
        return text if shown is message else _encode(shown)

    def _result(self, message: Any, methods: Sequence[str], identity: Identity | None) -> Any:
        result = message.get("result") if isinstance(message, dict) else None
        if not isinstance(result, dict):
            return message
        shown = result
        for method in methods:
            if LISTS[method].member in result:
                shown = only_permitted(method, shown, lambda one: self._permits(identity, one))
        return message if shown is result else {**message, "result": shown}


Shorten = Callable[[bytes], bytes]


async def _whole(chunks: AsyncIterator[bytes], shorten: Shorten) -> AsyncIterator[bytes]:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        _require_short(body)
    yield shorten(bytes(body)) if body else b""


async def _events(chunks: AsyncIterator[bytes], shorten: Shorten) -> AsyncIterator[bytes]:
    """Pass each event on when it is complete, as the server sent it or shortened."""
    held = bytearray()
    event: list[bytes] = []
    async for chunk in chunks:
        held += chunk
        # A carriage return at the end may be half of a line end.
        whole = held if held.endswith(b"\n") else held[: held.rfind(b"\n") + 1]
        lines, rest = bytes(whole).splitlines(keepends=True), held[len(whole) :]
        sent = bytearray()
        for line in lines:
            event.append(line)
            if not line.strip(b"\r\n"):
                sent += _event(event, shorten)
                event = []
        held = rest
        _require_short(held, *event)
        if sent:
            yield bytes(sent)
    # What is held now is no event without its last line: no client takes it.


def _event(lines: Sequence[bytes], shorten: Shorten) -> bytes:
    text = b"\n".join(value for line in lines if (value := _data(line)) is not None)
    if not text.lstrip().startswith((b"{", b"[")):
        return b"".join(lines)
    shown = shorten(text)
    if shown == text:
        return b"".join(lines)
    others = [line for line in lines if _data(line) is None]
    return b"".join([*others[:-1], b"data: " + shown + b"\n", others[-1]])


def _data(line: bytes) -> bytes | None:
    """Return the data of a line, ``None`` if it has none. Spec: WHATWG HTML §9.2.6."""
    # A stream may begin with a byte order mark, which is not part of the name.
    name, _, value = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None


def _require_short(*held: bytes | bytearray) -> None:
    if sum(map(len, held)) > LARGEST_LIST:
        raise UpstreamBroken(f"a list has more than {LARGEST_LIST} bytes")
