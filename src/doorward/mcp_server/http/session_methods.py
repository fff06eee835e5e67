"""The HTTP side of sessions: GET, DELETE, the session header, and cancelled requests."""

import asyncio

from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity, principal_of
from doorward.mcp_server.http.disconnect import while_connected
from doorward.mcp_server.refusals import NoSession, NotPost
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.response_stream import ResponseStream, accepts_event_stream
from doorward.mcp_server.streams.session import Session
from doorward.wire.asgi import Message, Receive, Scope, Send
from doorward.wire.host_origin import HostOriginPolicy


def find_session(state: ServerState, scope: Scope) -> Session | None:
    """
    Return the session that the request names, or ``None`` without the header.

    Raises:
        SessionRefused: 404, the session has ended, never existed, or is another principal's.
    """
    session_id = _single_header(scope, b"mcp-session-id")
    if session_id is None:
        return None
    return state.sessions.find(session_id, principal_of(verified_identity(scope)))


async def serve_get_or_delete(
    state: ServerState, host_check: HostOriginPolicy, scope: Scope, receive: Receive, send: Send
) -> None:
    """
    Serve a request that is not POST: GET for the streams of a session, DELETE for its end.

    Raises:
        NotPost: 405, for another HTTP method, or a server without sessions.
        NoSession: 400, the request names no session.
        SessionRefused: 404.
        HostRefused, OriginRefused: there is no guard, and the Host or Origin is not allowed.

    Spec: MCP 2025-11-25, transports, "Session Management", "Listening for Messages from the Server"
    """
    has_sessions = state.needs_sessions()
    if not has_sessions or scope["method"] not in ("GET", "DELETE"):
        raise NotPost(f"method={scope['method']}", sessions=has_sessions)
    identity = verified_identity(scope)
    if not came_through_guard(scope):
        host_check.admit(scope["headers"])
    session = find_session(state, scope)
    if session is None:
        raise NoSession("no mcp-session-id")
    if scope["method"] == "GET":
        last_event_id = _single_header(scope, b"last-event-id")
        stream = state.serve_stream(send, session, identity, scope["headers"], last_event_id)
        await while_connected(receive, stream)
        return
    state.sessions.end(session)
    await _send_empty(send, 204)


def receive_while_attached(request: RequestContext) -> Receive:
    """Return a ``receive`` that reports no disconnect once ``close_stream`` was called."""

    async def receive() -> Message:
        message = await request.receive()
        if request.stream is not None and not request.stream.is_open:
            # The server closed the connection, and the work continues.
            await asyncio.Event().wait()
        return message

    return receive


async def end_without_response(request: RequestContext) -> None:
    """
    End the HTTP exchange of a cancelled request: with a stream that has no response.

    Spec: MCP 2025-11-25, basic/utilities/cancellation, "Behavior Requirements"
    """
    if request.stream is None and not accepts_event_stream(request.headers):
        await _send_empty(request.send, 202)
        return
    stream = request.stream or await ResponseStream.begin(request.send, None)
    await stream.abandon()


def verified_identity(scope: Scope) -> Identity | None:
    """Return the identity that the guard verified; nothing else can set it."""
    found = scope.get(IDENTITY_KEY)
    return found if isinstance(found, Identity) else None


def came_through_guard(scope: Scope) -> bool:
    """Say whether a guard admitted the request, also one without a token."""
    return IDENTITY_KEY in scope


async def _send_empty(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _single_header(scope: Scope, wanted: bytes) -> str | None:
    found = [value for name, value in scope["headers"] if name == wanted]
    if not found:
        return None
    # Of two values, one parser takes the first and another the last: neither counts.
    return found[0].decode("latin-1") if len(found) == 1 else ""
