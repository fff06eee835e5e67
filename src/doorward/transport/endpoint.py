"""The MCP endpoint as an ASGI application: HTTP in, one JSON-RPC message out."""

from collections.abc import Mapping

import msgspec

from doorward.errors import RequestRefused
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.transport.call import Call, Method
from doorward.transport.eras import Era, era_of
from doorward.transport.line import HungUp, Receive, Scope, Send, read_body, while_connected
from doorward.transport.neighbours import Neighbours
from doorward.transport.refusals import (
    HttpRefusal,
    NotAcceptable,
    NotJson,
    NotPost,
    ProtocolRefusal,
    UnknownMethod,
)
from doorward.wire.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.envelope import Envelope, Malformed, jsonrpc_error, read_envelope

_encode = msgspec.json.Encoder().encode
_READABLE = frozenset({b"application/json", b"application/*", b"*/*"})
_INVALID_REQUEST = -32600

Headers = list[tuple[bytes, bytes]]


class Endpoint:
    """
    One MCP endpoint, whatever path it is put at.

    ``methods`` are those of each era. ``prefix`` opens every modern result: its type, and who
    answers. What the guard left in the scope is taken as it is and nothing is parsed twice; a
    request that no guard has seen is read here.

    Spec: MCP 2026-07-28, transports/streamable-http; 2025-11-25, transports (without sessions)
    """

    def __init__(
        self,
        *,
        modern: Mapping[str, Method],
        legacy: Mapping[str, Method],
        prefix: bytes,
        neighbours: Neighbours,
        max_body: int,
    ) -> None:
        self._modern = modern
        self._legacy = legacy
        self._prefix = prefix
        self._neighbours = neighbours
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and the end of the process."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1002})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _admit(scope)
            envelope = await self._read(scope, receive)
            status, body = await self._answer(envelope, scope, receive)
        except HungUp:
            return
        except Malformed as refusal:
            body = jsonrpc_error(
                refusal.id, refusal.jsonrpc_code, refusal.description, refusal.data
            )
            await _send(send, refusal.status, body)
        except RequestRefused as refusal:
            body = jsonrpc_error(None, _INVALID_REQUEST, refusal.description, None)
            extra = refusal.headers if isinstance(refusal, HttpRefusal) else ()
            await _send(send, refusal.status, body, extra)
        else:
            await _send(send, status, body)

    async def _read(self, scope: Scope, receive: Receive) -> Envelope:
        left = scope.get(ENVELOPE_KEY)
        if isinstance(left, Envelope):
            return left
        headers: Headers = scope["headers"]
        self._neighbours.admit(headers)
        return read_envelope(await read_body(receive, headers, self._max_body), headers)

    async def _answer(
        self, envelope: Envelope, scope: Scope, receive: Receive
    ) -> tuple[int, bytes]:
        if envelope.is_response or envelope.is_notification:
            return _acknowledge(envelope)
        assert envelope.id is not None
        headers: Headers = scope["headers"]
        identity = scope.get(IDENTITY_KEY)
        call = Call(
            envelope.params,
            envelope.name,
            identity if isinstance(identity, Identity) else None,
            era_of(envelope, headers),
            headers,
        )
        try:
            method = self._method(envelope.method, call.era)
            members = await while_connected(receive, method(call))
        except ProtocolRefusal as refusal:
            body = jsonrpc_error(envelope.id, refusal.jsonrpc_code, refusal.message, refusal.data)
            return (refusal.status if call.era.modern else 200), body
        opening = self._prefix if call.era.modern else b"{"
        return 200, b'{"jsonrpc":"2.0","id":%b,"result":%b%b}}' % (
            _encode(envelope.id),
            opening,
            members,
        )

    def _method(self, name: str, era: Era) -> Method:
        methods = self._modern if era.modern else self._legacy
        if (method := methods.get(name)) is None:
            raise UnknownMethod(f"Method not found: {name[:128]}")
        return method


def _admit(scope: Scope) -> None:
    """Let through what can carry a message: a POST of JSON from a client that reads JSON."""
    if scope["method"] != "POST":
        raise NotPost(f"method={scope['method']}")
    accept: list[bytes] = []
    kind = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"accept":
            accept.append(value)
    if kind != b"application/json" and _media_type(kind) != b"application/json":
        raise NotJson(f"content-type={kind[:128]!r}")
    # Clients must name two types; many name one, or none. What matters is whether they can read us.
    if accept and not any(_media_type(part) in _READABLE for part in b",".join(accept).split(b",")):
        raise NotAcceptable(f"accept={accept!r:.128}")


def _media_type(value: bytes) -> bytes:
    return value.split(b";", 1)[0].strip().lower()


def _acknowledge(envelope: Envelope) -> tuple[int, bytes]:
    """
    Take note of what needs no answer.

    Notifications act on nothing: with no session, "cancel request 3" from one client would reach
    another's request 3. A client cancels by hanging up.
    """
    if envelope.is_notification and not envelope.method.startswith("notifications/"):
        # Served, this would be a tool call that nobody can see the result of.
        raise Malformed(f"{envelope.method!r} without an id", public="A request must have an id.")
    return 202, b""


async def _send(
    send: Send, status: int, body: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-length", b"%d" % len(body)), *extra]
    if body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    """Say yes to the start and to the end: there is nothing to open and nothing to close."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
