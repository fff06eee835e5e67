"""The MCP endpoint as an ASGI application: HTTP in, one JSON-RPC message out."""

from collections.abc import Callable, Mapping

import msgspec

from doorward.errors import RequestRefused
from doorward.mcp_server.asgi import (
    ClientDisconnected,
    Receive,
    Scope,
    Send,
    read_body,
    while_connected,
)
from doorward.mcp_server.http.host_check import HostOriginCheck
from doorward.mcp_server.http.session_methods import (
    find_session,
    receive_while_attached,
    serve_get_or_delete,
    verified_identity,
)
from doorward.mcp_server.protocol_revision import ProtocolRevision, revision_of
from doorward.mcp_server.refusals import (
    HttpRefusal,
    NotAcceptable,
    NotJson,
    ProtocolRefusal,
    UnknownMethod,
)
from doorward.mcp_server.request_context import (
    InterimResult,
    Method,
    RequestContext,
    ResponseSent,
    first_interim_result,
)
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.in_flight import RequestCancelled, end_without_response
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope, Malformed, jsonrpc_error, read_envelope
from doorward.wire.strict_json import parse

_encode = msgspec.json.Encoder().encode
_READABLE = frozenset({b"application/json", b"application/*", b"*/*"})
_COMMON_ACCEPT = b"application/json, text/event-stream"
_JSON = b"application/json"
_JSON_TYPE = (b"content-type", _JSON)
_INVALID_REQUEST = -32600

Headers = list[tuple[bytes, bytes]]


class Endpoint:
    """
    One MCP endpoint, whatever path it is put at.

    ``modern`` and ``legacy`` are the methods of each era. ``meta`` is in every modern result and
    says who answers. ``house`` is what outlives a request. What the guard left in the scope is
    taken as it is and nothing is parsed twice; a request that no guard has seen is read here.

    Spec: MCP 2026-07-28, transports/streamable-http; 2025-11-25, transports
    """

    def __init__(
        self,
        *,
        modern: Mapping[str, Method],
        legacy: Mapping[str, Method],
        meta: bytes,
        state: ServerState,
        host_check: HostOriginCheck,
        max_body: int,
    ) -> None:
        self._modern = modern
        self._legacy = legacy
        self.state = state
        self._empty = b'{"resultType":"complete","_meta":%b' % meta
        self._complete = self._empty + b","
        self._interim = b'","_meta":%b,' % meta
        self._host_check = host_check
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and the end of the process."""
        if scope["type"] != "http":
            await self._serve_process(scope, receive, send)
            return
        try:
            if scope["method"] != "POST":
                await self._serve_verb(scope, receive, send)
                return
            envelope = scope.get(ENVELOPE_KEY)
            # Whoever left an envelope has judged that JSON came; that JSON may go is judged here.
            if type(envelope) is not Envelope or envelope.accept != _COMMON_ACCEPT:
                envelope = await self._admitted(envelope, scope, receive)
            if envelope.is_notification or envelope.is_response:
                self._handle_notification(envelope, scope)
                await _send(send, 202, b"")
                return
            request = self._request(envelope, scope, receive, send)
            status, body = await self._answer(request)
        except (ClientDisconnected, ResponseSent):
            return
        except RequestCancelled:
            await end_without_response(request)
        except RequestRefused as refusal:
            await _refuse(send, refusal)
        else:
            if request.stream is None:
                await _send(send, status, body, request.answer_headers)
            else:
                await request.stream.finish(body)

    async def _serve_process(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send, self.state.close)
        else:
            await send({"type": "websocket.close", "code": 1002})

    async def _serve_verb(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve_get_or_delete(self.state, self._host_check, scope, receive, send)

    async def _admitted(self, left: object, scope: Scope, receive: Receive) -> Envelope:
        """Return the envelope that was left, or the message's own, when headers let it pass."""
        _admit(scope)
        if type(left) is Envelope:
            return left
        headers: Headers = scope["headers"]
        self._host_check.admit(headers)
        return read_envelope(await read_body(receive, headers, self._max_body), headers)

    def _request(
        self, envelope: Envelope, scope: Scope, receive: Receive, send: Send
    ) -> RequestContext:
        assert envelope.id is not None
        headers: Headers = scope["headers"]
        request = RequestContext(
            envelope.method,
            envelope.params,
            envelope.name,
            verified_identity(scope),
            revision_of(envelope, headers),
            headers,
            envelope.id,
            scope,
            receive,
            send,
            self.state.rounds,
        )
        if (
            not request.revision.modern
            and request.method != "initialize"
            and self.state.needs_sessions()
        ):
            request.session = find_session(self.state, scope)
        return request

    async def _answer(self, request: RequestContext) -> tuple[int, bytes]:
        try:
            work = self._method(request.method, request.revision)(request)
            if request.session is None:
                members = await while_connected(request.receive, work)
            else:
                connected = while_connected(receive_while_attached(request), work)
                members = await request.session.in_flight.run(request.id, connected)
        except InterimResult as interim:
            return 200, self._interim_answer(interim, request)
        except BaseExceptionGroup as group:
            # An author asked from within a group of tasks.
            return 200, self._interim_answer(first_interim_result(group), request)
        except ProtocolRefusal as refusal:
            body = jsonrpc_error(request.id, refusal.jsonrpc_code, refusal.message, refusal.data)
            return (refusal.status if request.revision.modern else 200), body
        complete = self._complete if members else self._empty
        opening = complete if request.revision.modern else b"{"
        answer = b'{"jsonrpc":"2.0","id":%b,"result":%b%b}}'
        return 200, answer % (_encode(request.id), opening, members)

    def _interim_answer(self, interim: InterimResult, request: RequestContext) -> bytes:
        return b'{"jsonrpc":"2.0","id":%b,"result":{"resultType":"%b%b%b}}' % (
            _encode(request.id),
            interim.kind.encode(),
            self._interim,
            interim.members,
        )

    def _method(self, name: str, revision: ProtocolRevision) -> Method:
        methods = self._modern if revision.modern else self._legacy
        if (method := methods.get(name)) is None:
            raise UnknownMethod(f"Method not found: {name[:128]}")
        return method

    def _handle_notification(self, envelope: Envelope, scope: Scope) -> None:
        """
        Take note of what needs no answer.

        A client's answer goes to the session that asked, and a cancellation to the session that it
        names: with no session, "cancel request 3" from one client would reach another's request 3,
        so there, and in 2026-07-28, a client cancels by hanging up.

        Spec: MCP 2025-11-25, basic/utilities/cancellation
        """
        if envelope.is_notification and not envelope.method.startswith("notifications/"):
            # Served, this would be a tool call that nobody can see the result of.
            raise Malformed(
                f"{envelope.method!r} without an id", public="A request must have an id."
            )
        if envelope.protocol_version is None and self.state.needs_sessions():
            session = find_session(self.state, scope)
            if session is not None and envelope.is_response:
                session.deliver_response(envelope.id, parse(envelope.body))
            elif session is not None and envelope.method == "notifications/cancelled":
                session.in_flight.stop(envelope.params.get("requestId"))


def _admit(scope: Scope) -> None:
    """Let through what can carry a message: JSON from a client that reads JSON."""
    known = dict(scope["headers"])
    usual = known.get(b"accept") == _COMMON_ACCEPT and known.get(b"content-type") == _JSON
    # Of a header that came twice, the dict has one alone.
    if usual and len(known) == len(scope["headers"]):
        return
    accept: list[bytes] = []
    kind = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"accept":
            accept.append(value)
    if _media_type(kind) != _JSON:
        raise NotJson(f"content-type={kind[:128]!r}")
    # Clients must name two types; many name one, or none. What matters is whether they can read us.
    if accept and not any(_media_type(part) in _READABLE for part in b",".join(accept).split(b",")):
        raise NotAcceptable(f"accept={accept!r:.128}")


def _media_type(value: bytes) -> bytes:
    return value.split(b";", 1)[0].strip().lower()


async def _send(
    send: Send, status: int, body: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    if body:
        headers.append(_JSON_TYPE)
    headers += extra
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, refusal: RequestRefused) -> None:
    if isinstance(refusal, Malformed):
        body = jsonrpc_error(refusal.id, refusal.jsonrpc_code, refusal.description, refusal.data)
    else:
        body = jsonrpc_error(None, _INVALID_REQUEST, refusal.description, None)
    extra = refusal.headers if isinstance(refusal, HttpRefusal) else ()
    await _send(send, refusal.status, body, extra)


async def _serve_lifespan(receive: Receive, send: Send, close: Callable[[], None]) -> None:
    """Say yes to the start and to the end; before the end, close what is still open."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            close()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
