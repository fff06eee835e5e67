"""Lists of an upstream server, with only what their reader may use."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from doorward.gateway.headers import Header
from doorward.gateway.refusals import UpstreamBroken
from doorward.gateway.upstream.exchange import UpstreamResponse
from doorward.guard.lists.list_response import LONGEST
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.policy import Operation
from doorward.policy.lists import LISTS, only_permitted
from doorward.wire.asgi import Scope
from doorward.wire.event_stream import EventRewriter
from doorward.wire.http_headers import media_type
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope

Shows = Callable[[Identity | None, Operation], bool]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class ShortenedLists:
    """
    Removes from lists what ``shows`` does not admit for the caller.

    A client can fetch the rest of an interrupted stream with GET, so those streams are read too.

    Spec: MCP 2026-07-28, server/tools, "Listing Tools"; 2025-11-25, transports, "Resumability and
    Redelivery"
    """

    def __init__(self, shows: Shows) -> None:
        self._shows = shows

    def methods_in(self, scope: Scope) -> Sequence[str]:
        """Return the list methods whose results the response to this request can have."""
        envelope = scope.get(ENVELOPE_KEY)
        if isinstance(envelope, Envelope):
            return (envelope.method,) if envelope.method in LISTS else ()
        return tuple(LISTS) if scope["method"] == "GET" else ()

    async def shortened(
        self, response: UpstreamResponse, methods: Sequence[str], scope: Scope
    ) -> UpstreamResponse:
        """
        Return the response without what the caller of ``scope`` may not use.

        A stream is read while it arrives, and raises the same.

        Raises:
            UpstreamBroken: 502, a list cannot be read, so nobody knows what is in it.
        """
        headers = dict(response.headers)
        kind = media_type(headers.get(b"content-type", b""))
        if kind not in (b"application/json", b"text/event-stream"):
            return response
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise UpstreamBroken("a list is compressed, which nobody asked for")
        identity = scope.get(IDENTITY_KEY)

        def shorten(message: bytes) -> bytes:
            return self._shorten(message, methods, identity)

        # Its length changes.
        kept: list[Header] = [one for one in response.headers if one[0] != b"content-length"]
        if kind == b"text/event-stream":
            return UpstreamResponse(response.status, kept, _events(response.chunks, shorten))
        # Read before the answer begins: a status cannot be taken back.
        body = await _whole(response.chunks, shorten)
        kept.append((b"content-length", str(len(body)).encode()))
        return UpstreamResponse(response.status, kept, _once(body))

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
                shown = only_permitted(method, shown, lambda one: self._shows(identity, one))
        return message if shown is result else {**message, "result": shown}


Shorten = Callable[[bytes], bytes]


async def _whole(chunks: AsyncIterator[bytes], shorten: Shorten) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        _require_short(len(body))
    return shorten(bytes(body)) if body else b""


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _events(chunks: AsyncIterator[bytes], shorten: Shorten) -> AsyncIterator[bytes]:
    """Pass each event on when it is complete, as the server sent it or shortened."""

    def change(data: bytes) -> bytes:
        # Whatever is not JSON is no list: a server may greet its clients.
        return shorten(data) if data.lstrip().startswith((b"{", b"[")) else data

    events = EventRewriter(change)
    async for chunk in chunks:
        if sent := events.feed(chunk):
            yield sent
        _require_short(events.held)


def _require_short(held: int) -> None:
    if held > LONGEST:
        raise UpstreamBroken(f"a list has more than {LONGEST} bytes")
