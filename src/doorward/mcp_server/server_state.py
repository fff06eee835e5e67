"""What outlives a request: sessions, subscriptions, tasks, and the seal of what clients carry."""

from collections.abc import Callable
from dataclasses import dataclass

from doorward.mcp_server.asgi import Send
from doorward.mcp_server.elicitation.rounds import Rounds
from doorward.mcp_server.eras import Era
from doorward.mcp_server.features.resources import not_found
from doorward.mcp_server.features.tasks import Tasks
from doorward.mcp_server.refusals import InvalidParams, NotAcceptable
from doorward.mcp_server.request_context import RequestContext, owner_of
from doorward.mcp_server.streams.session import Session, Sessions
from doorward.mcp_server.streams.stream import HEADERS, reads_events
from doorward.mcp_server.streams.subscription_streams import SubscriptionStreams
from doorward.mcp_server.streams.subscriptions import Subscriptions

MayWatch = Callable[[RequestContext, str], bool]


@dataclass
class ServerState:
    """
    Everything of a server that is there between requests.

    ``needs_sessions`` says whether anything on offer takes more than one request to a client of the
    ``initialize`` era. Where nothing does, GET and session ids are answered as by a server that
    never heard of sessions.
    """

    rounds: Rounds
    sessions: Sessions
    subscriptions: Subscriptions
    tasks: Tasks
    listening: SubscriptionStreams
    may_read: MayWatch
    needs_sessions: Callable[[], bool]

    def begin_session(self, call: RequestContext, era: Era) -> None:
        """Begin a session for the client of this call, if the server needs one for it."""
        if self.needs_sessions():
            owner = owner_of(call.identity)
            session = Session(owner, call.params["capabilities"], resumes=era.resumes)
            self.sessions.begin(session)
            call.answer_headers = ((b"mcp-session-id", session.id.encode()),)

    async def subscribe(self, call: RequestContext) -> bytes:
        """
        Answer ``resources/subscribe``.

        Raises:
            InvalidParams: there is no session, or nothing at this URI for this caller.

        Spec: MCP 2025-11-25, server/resources, "Subscriptions"
        """
        session, uri = _asked(call)
        if not self.may_read(call, uri):
            raise not_found(uri, call.era)
        session.subscribe(uri)
        self.listening.follow(session)
        return b""

    async def unsubscribe(self, call: RequestContext) -> bytes:
        """Answer ``resources/unsubscribe``. Raises: InvalidParams."""
        session, uri = _asked(call)
        session.subscribed.discard(uri)
        self.listening.follow(session)
        return b""

    async def stand(
        self,
        send: Send,
        session: Session,
        headers: list[tuple[bytes, bytes]],
        came_back: str | None,
    ) -> None:
        """
        Serve a GET: the standing stream of a session, or the rest of a stream that was cut.

        Raises:
            NotAcceptable: the client cannot read a stream.

        Spec: MCP 2025-11-25, transports, "Resumability and Redelivery"; WHATWG HTML §9.2.1 (204)
        """
        if not reads_events(headers):
            raise NotAcceptable("no text/event-stream in accept")
        found = session.log_of(came_back) if came_back is not None else None
        if found is None:
            await self.listening.stand(send, session)
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
        self.tasks.end_all()
        self.sessions.end_all()
        self.subscriptions.end_all()


def _asked(call: RequestContext) -> tuple[Session, str]:
    uri = call.params.get("uri")
    if not isinstance(uri, str):
        raise InvalidParams("params.uri must be a string")
    if call.session is None:
        raise InvalidParams("A subscription is kept for a session, and this request has none")
    return call.session, uri
