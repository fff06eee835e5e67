"""What outlives a request: sessions, subscriptions, tasks and round trips."""

from collections.abc import Callable
from dataclasses import dataclass

from doorward.identity import Identity, principal_of
from doorward.mcp_server.elicitation.round_trips import MultiRoundTrips
from doorward.mcp_server.features.resources import not_found
from doorward.mcp_server.features.subscription_streams import MaySubscribe, SubscriptionStreams
from doorward.mcp_server.features.tasks import Tasks
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import InvalidParams, NotAcceptable
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.mcp_server.streams.response_stream import EVENT_STREAM_HEADERS, accepts_event_stream
from doorward.mcp_server.streams.session import Session, Sessions
from doorward.mcp_server.streams.subscriptions import Subscriptions
from doorward.wire.asgi import Send


@dataclass
class ServerState:
    """
    The state of a server between requests.

    ``needs_sessions`` says whether clients of older revisions need a session for anything. If not,
    the server answers GET and session ids as a server without sessions.
    """

    round_trips: MultiRoundTrips
    sessions: Sessions
    subscriptions: Subscriptions
    tasks: Tasks
    subscription_streams: SubscriptionStreams
    may_read: MaySubscribe
    needs_sessions: Callable[[], bool]

    def begin_session(self, request: RequestContext, revision: ProtocolRevision) -> None:
        """Begin a session for the client of this request, if the server needs one."""
        if self.needs_sessions():
            session = Session(
                principal_of(request.identity),
                request.params["capabilities"],
                resumable=revision.resumable_streams,
            )
            self.sessions.begin(session)
            request.session = session
            request.response_headers = ((b"mcp-session-id", session.id.encode()),)

    async def subscribe(self, request: RequestContext) -> Result:
        """
        Answer ``resources/subscribe``.

        Raises:
            InvalidParams: there is no session, or this caller has no resource at this URI.

        Spec: MCP 2025-11-25, server/resources, "Subscriptions"
        """
        session, uri = _session_and_uri(request)
        if not self.may_read(request, uri):
            raise not_found(uri, request.revision)
        session.subscribe(uri, request.identity)
        self.subscription_streams.update_topics(session)
        return {}

    async def unsubscribe(self, request: RequestContext) -> Result:
        """Answer ``resources/unsubscribe``. Raises: InvalidParams."""
        session, uri = _session_and_uri(request)
        session.subscribed.pop(uri, None)
        self.subscription_streams.update_topics(session)
        return {}

    async def serve_stream(
        self,
        send: Send,
        session: Session,
        identity: Identity | None,
        headers: list[tuple[bytes, bytes]],
        last_event_id: str | None,
    ) -> None:
        """
        Serve a GET of this caller: the standalone stream of a session, or the rest of an interrupted one.

        Raises:
            NotAcceptable: the client does not accept event streams.

        Spec: MCP 2025-11-25, transports, "Resumability and Redelivery"; WHATWG HTML §9.2.1 (204)
        """
        if not accepts_event_stream(headers):
            raise NotAcceptable("no text/event-stream in accept")
        found = (
            session.find_event_log(last_event_id, identity) if last_event_id is not None else None
        )
        if found is None:
            await self.subscription_streams.serve_standalone_stream(send, session, identity)
            return
        log, number = found
        if log.abandoned:
            # Only 204 stops a client that resumes a stream without a response.
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await send(
            {"type": "http.response.start", "status": 200, "headers": [*EVENT_STREAM_HEADERS]}
        )
        async for text in log.after(number):
            await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Cancel every task, and end every session and stream."""
        self.tasks.cancel_all()
        self.sessions.close_all()
        self.subscriptions.close_all()


def _session_and_uri(request: RequestContext) -> tuple[Session, str]:
    uri = request.params.get("uri")
    if not isinstance(uri, str):
        raise InvalidParams("params.uri must be a string")
    if request.session is None:
        raise InvalidParams("A subscription is kept for a session, and this request has none")
    return request.session, uri
