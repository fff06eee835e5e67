"""What outlives a request: sessions, subscriptions, tasks, and the seal of what clients carry."""

from collections.abc import Callable
from dataclasses import dataclass

from doorward.mcp_server.asgi import Send
from doorward.mcp_server.elicitation.round_trips import MultiRoundTrips
from doorward.mcp_server.features.resources import not_found
from doorward.mcp_server.features.subscription_streams import SubscriptionStreams
from doorward.mcp_server.features.tasks import Tasks
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import InvalidParams, NotAcceptable
from doorward.mcp_server.request_context import RequestContext, principal_of
from doorward.mcp_server.streams.response_stream import HEADERS, accepts_event_stream
from doorward.mcp_server.streams.session import Session, Sessions
from doorward.mcp_server.streams.subscriptions import Subscriptions

MaySubscribe = Callable[[RequestContext, str], bool]


@dataclass
class ServerState:
    """
    Everything of a server that is there between requests.

    ``needs_sessions`` says whether anything on offer takes more than one request to a client of the
    ``initialize`` era. Where nothing does, GET and session ids are answered as by a server that
    never heard of sessions.
    """

    rounds: MultiRoundTrips
    sessions: Sessions
    subscriptions: Subscriptions
    tasks: Tasks
    listening: SubscriptionStreams
    may_read: MaySubscribe
    needs_sessions: Callable[[], bool]

    def begin_session(self, request: RequestContext, revision: ProtocolRevision) -> None:
        """Begin a session for the client of this call, if the server needs one for it."""
        if self.needs_sessions():
            principal = principal_of(request.identity)
            session = Session(
                principal, request.params["capabilities"], resumable=revision.resumable
            )
            self.sessions.begin(session)
            request.answer_headers = ((b"mcp-session-id", session.id.encode()),)

    async def subscribe(self, request: RequestContext) -> bytes:
        """
        Answer ``resources/subscribe``.

        Raises:
            InvalidParams: there is no session, or nothing at this URI for this caller.

        Spec: MCP 2025-11-25, server/resources, "Subscriptions"
        """
        session, uri = _asked(request)
        if not self.may_read(request, uri):
            raise not_found(uri, request.revision)
        session.subscribe(uri)
        self.listening.follow(session)
        return b""

    async def unsubscribe(self, request: RequestContext) -> bytes:
        """Answer ``resources/unsubscribe``. Raises: InvalidParams."""
        session, uri = _asked(request)
        session.subscribed.discard(uri)
        self.listening.follow(session)
        return b""

    async def serve_standalone_stream(
        self,
        send: Send,
        session: Session,
        headers: list[tuple[bytes, bytes]],
        last_event_id: str | None,
    ) -> None:
        """
        Serve a GET: the standing stream of a session, or the rest of a stream that was cut.

        Raises:
            NotAcceptable: the client cannot read a stream.

        Spec: MCP 2025-11-25, transports, "Resumability and Redelivery"; WHATWG HTML §9.2.1 (204)
        """
        if not accepts_event_stream(headers):
            raise NotAcceptable("no text/event-stream in accept")
        found = session.find_event_log(last_event_id) if last_event_id is not None else None
        if found is None:
            await self.listening.serve_standalone_stream(send, session)
            return
        log, number = found
        if log.abandoned:
            # A client that finds a stream without the answer comes back for ever, unless told.
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
        async for text in log.after(number):
            await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Stop work that nobody will fetch, and end every stream with its last word."""
        self.tasks.close_all()
        self.sessions.close_all()
        self.subscriptions.close_all()


def _asked(request: RequestContext) -> tuple[Session, str]:
    uri = request.params.get("uri")
    if not isinstance(uri, str):
        raise InvalidParams("params.uri must be a string")
    if request.session is None:
        raise InvalidParams("A subscription is kept for a session, and this request has none")
    return request.session, uri
