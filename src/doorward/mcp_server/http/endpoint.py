"""The MCP endpoint as an ASGI application: one JSON-RPC message per POST."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from doorward.errors import MediaTypeRefused, MissingToken, RequestRefused
from doorward.identity import Identity
from doorward.mcp_server.http.disconnect import while_connected
from doorward.mcp_server.http.session_methods import (
    came_through_guard,
    end_without_response,
    find_session,
    receive_while_attached,
    serve_get_or_delete,
    verified_identity,
)
from doorward.mcp_server.protocol_revision import ProtocolRevision, revision_of
from doorward.mcp_server.refusals import NotAcceptable
from doorward.mcp_server.request_context import (
    InterimResult,
    Method,
    RequestContext,
    ResponseSent,
    first_interim_result,
)
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.in_flight import RequestCancelled
from doorward.wire.asgi import ClientDisconnected, Receive, Scope, Send, read_body
from doorward.wire.error_response import as_asgi, error_response
from doorward.wire.host_origin import HostOriginPolicy
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope, Malformed, jsonrpc_error, read_envelope
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal, UnknownMethod
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
    One MCP endpoint, at any path.

    ``modern`` and ``legacy`` are the methods of 2026-07-28 and of older revisions. ``meta`` is the
    ``_meta`` of every modern result, and ``state`` is what outlives a request. An envelope that the
    guard left in the scope is used as it is; without a guard, the endpoint reads the request.

    Spec: MCP 2026-07-28, transports/streamable-http; 2025-11-25, transports
    """

    def __init__(
        self,
        *,
        modern: Mapping[str, Method],
        legacy: Mapping[str, Method],
        meta: Mapping[str, Any],
        state: ServerState,
        host_check: HostOriginPolicy,
        max_body: int,
    ) -> None:
        self._modern = modern
        self._legacy = legacy
        self.state = state
        self._meta = msgspec.Raw(_encode(meta))
        self._host_check = host_check
        self._max_body = max_body
        self._guarded = False

    def require_guard(self) -> None:
        """
        Refuse every request that no guard has verified.

        A guard calls this when it is put in front. A second path to the endpoint, which an
        application serves without the guard, would otherwise serve what has no rule of its own.
        """
        self._guarded = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the process."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        try:
            identity = self._identity(scope)
            if scope["method"] != "POST":
                await serve_get_or_delete(self.state, self._host_check, scope, receive, send)
                return
            envelope = scope.get(ENVELOPE_KEY)
            # The guard has checked the content type. This checks the Accept header.
            if type(envelope) is not Envelope or envelope.accept != _COMMON_ACCEPT:
                envelope = await self._read(envelope, scope, receive)
            if envelope.is_notification or envelope.is_response:
                self._handle_notification(envelope, scope)
                await _send(send, 202, b"")
                return
            request = self._request(envelope, identity, scope, receive, send)
            status, body = await self._respond(request)
        except (ClientDisconnected, ResponseSent):
            return
        except RequestCancelled:
            await end_without_response(request)
        except RequestRefused as refusal:
            await _refuse(send, refusal)
        else:
            if request.stream is None:
                await _send(send, status, body, request.response_headers)
            else:
                await request.stream.finish(body)

    def _identity(self, scope: Scope) -> Identity | None:
        identity = verified_identity(scope)
        if identity is None and self._guarded and not came_through_guard(scope):
            raise MissingToken("the endpoint was reached by a path that is not the guard's")
        return identity

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send, self.state.close)
        else:
            await send({"type": "websocket.close", "code": 1002})

    async def _read(self, envelope: object, scope: Scope, receive: Receive) -> Envelope:
        """Return the guard's envelope, or without a guard that of the body; both after checks."""
        _require_json(scope["headers"])
        if type(envelope) is Envelope:
            return envelope
        headers: Headers = scope["headers"]
        self._host_check.admit(headers)
        declared = next((value for name, value in headers if name == b"content-length"), None)
        return read_envelope(await read_body(receive, self._max_body, declared), headers)

    def _request(
        self,
        envelope: Envelope,
        identity: Identity | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> RequestContext:
        assert envelope.id is not None
        headers: Headers = scope["headers"]
        request = RequestContext(
            envelope.method,
            envelope.params,
            envelope.name,
            identity,
            revision_of(envelope, headers),
            headers,
            envelope.id,
            scope,
            receive,
            send,
            self.state.round_trips,
        )
        if (
            not request.revision.modern
            and request.method != "initialize"
            and self.state.needs_sessions()
        ):
            request.session = find_session(self.state, scope)
        return request

    async def _respond(self, request: RequestContext) -> tuple[int, bytes]:
        """Return the HTTP status and the body of the response."""
        result_type = "complete"
        try:
            work = self._method(request.method, request.revision)(request)
            if request.session is None:
                result = await while_connected(request.receive, work)
            else:
                connected = while_connected(receive_while_attached(request), work)
                result = await request.session.in_flight.run(request.id, connected)
        except InterimResult as interim:
            result_type, result = interim.result_type, interim.members
        except BaseExceptionGroup as group:
            # The author's code asked the client from within a task group.
            first = first_interim_result(group)
            result_type, result = first.result_type, first.members
        except ProtocolRefusal as refusal:
            body = jsonrpc_error(request.id, refusal.jsonrpc_code, refusal.message, refusal.data)
            return (refusal.status if request.revision.modern else 200), body
        if request.revision.modern:
            result = {"resultType": result_type, "_meta": self._meta, **result}
        return 200, _encode({"jsonrpc": "2.0", "id": request.id, "result": result})

    def _method(self, name: str, revision: ProtocolRevision) -> Method:
        methods = self._modern if revision.modern else self._legacy
        if (method := methods.get(name)) is None:
            raise UnknownMethod(f"Method not found: {name[:128]}")
        return method

    def _handle_notification(self, envelope: Envelope, scope: Scope) -> None:
        """
        Handle a message that gets no response.

        A response of the client goes to its session, and so does a cancellation: without a session,
        "cancel request 3" of one client would reach request 3 of another. In 2026-07-28 clients
        cancel by closing the connection.

        Spec: MCP 2025-11-25, basic/utilities/cancellation
        """
        if envelope.is_notification and not envelope.method.startswith("notifications/"):
            # Served, this would be a tool call whose result nobody sees.
            raise Malformed(
                f"{envelope.method!r} without an id", description="A request must have an id."
            )
        if envelope.protocol_version is None and self.state.needs_sessions():
            session = find_session(self.state, scope)
            if session is not None and envelope.is_response:
                session.deliver_response(envelope.id, parse(envelope.body))
            elif session is not None and envelope.method == "notifications/cancelled":
                session.in_flight.cancel(envelope.params.get("requestId"))


def _require_json(headers: Headers) -> None:
    """Return if the request has JSON and accepts JSON."""
    accept: list[bytes] = []
    content_type = b""
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"accept":
            accept.append(value)
    if _media_type(content_type) != _JSON:
        said = "Send 'Content-Type: application/json'."
        raise MediaTypeRefused(f"content-type={content_type[:128]!r}", description=said)
    # Clients must accept two types; many name one, or none. JSON is what they must read.
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
    answer = error_response(refusal)
    await _send(send, answer.status, body, tuple(as_asgi(answer.headers)))


async def _serve_lifespan(receive: Receive, send: Send, close: Callable[[], None]) -> None:
    """Confirm start-up and shutdown; at shutdown, close what is open."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            close()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
