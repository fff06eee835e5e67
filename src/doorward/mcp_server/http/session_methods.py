"""GET and DELETE, which are about sessions, and the answers that clients post to them."""

import asyncio

from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.mcp_server.asgi import Message, Receive, Scope, Send, while_connected
from doorward.mcp_server.http.host_check import HostOriginCheck
from doorward.mcp_server.refusals import NoSession, NotPost
from doorward.mcp_server.request_context import RequestContext, principal_of
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.session import Session

_SESSION_ID = b"mcp-session-id"


def find_session(state: ServerState, scope: Scope) -> Session | None:
    """
    Return the session that the request names, if it names one.

    Raises:
        NoSuchSession: 404, it is over, never was, or is somebody else's.
    """
    session_id = _only(scope, _SESSION_ID)
    if session_id is None:
        return None
    return state.sessions.find(session_id, principal_of(verified_identity(scope)))


async def serve_get_or_delete(
    state: ServerState, host_check: HostOriginCheck, scope: Scope, receive: Receive, send: Send
) -> None:
    """
    Serve what is no POST: the streams of a session, and its end.

    Raises:
        NotPost: 405, another verb, or a server without sessions.
        NoSession: 400, the request names none.
        NoSuchSession: 404.
        HostRefused, OriginRefused: no guard looked at the request, and it is no neighbour's.

    Spec: MCP 2025-11-25, transports, "Session Management", "Listening for Messages from the Server"
    """
    sessions = state.needs_sessions()
    if not sessions or scope["method"] not in ("GET", "DELETE"):
        raise NotPost(f"method={scope['method']}", sessions=sessions)
    if verified_identity(scope) is None:
        host_check.admit(scope["headers"])
    session = find_session(state, scope)
    if session is None:
        raise NoSession("no mcp-session-id")
    if scope["method"] == "GET":
        last_event_id = _only(scope, b"last-event-id")
        await while_connected(
            receive, state.serve_standalone_stream(send, session, scope["headers"], last_event_id)
        )
        return
    state.sessions.end(session)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def receive_while_attached(request: RequestContext) -> Receive:
    """Return a ``receive`` that hears of no hang-up once the answer is to be fetched later."""

    async def receive() -> Message:
        message = await request.receive()
        if request.stream is not None and not request.stream.is_open:
            # The connection was closed from here, and the work goes on.
            await asyncio.Event().wait()
        return message

    return receive


def verified_identity(scope: Scope) -> Identity | None:
    """Return whom the guard verified, and nobody whom anything else names."""
    found = scope.get(IDENTITY_KEY)
    return found if isinstance(found, Identity) else None


def _only(scope: Scope, wanted: bytes) -> str | None:
    found = [value for name, value in scope["headers"] if name == wanted]
    if not found:
        return None
    # Of two ids one reader takes the first and another the last; this is neither's.
    return found[0].decode("latin-1") if len(found) == 1 else ""
