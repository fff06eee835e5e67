"""``subscriptions/listen``, and the standalone stream of a session: change notifications."""

from collections.abc import Callable
from typing import Any

import msgspec

from doorward.identity import Identity
from doorward.mcp_server.refusals import InvalidParams, NotAcceptable
from doorward.mcp_server.request_context import RequestContext, ResponseSent, Result
from doorward.mcp_server.streams.event_log import format_event
from doorward.mcp_server.streams.response_stream import (
    EVENT_STREAM_HEADERS,
    KEEP_ALIVE,
    accepts_event_stream,
)
from doorward.mcp_server.streams.session import Session
from doorward.mcp_server.streams.subscriptions import (
    LIST_CHANGED,
    PROMPTS,
    RESOURCES,
    TOOLS,
    Subscription,
    Subscriptions,
    notification,
    resource_topic,
    task_topic,
)
from doorward.wire.asgi import Send

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
MAX_WATCHED = 1000
KEEP_ALIVE_SECONDS = 15.0
_encode = msgspec.json.Encoder().encode
_KINDS = {
    "toolsListChanged": TOOLS,
    "promptsListChanged": PROMPTS,
    "resourcesListChanged": RESOURCES,
}

# Whether this caller may subscribe to the resource, or to the task, of this name.
MaySubscribe = Callable[[RequestContext, str], bool]


class SubscriptionStreams:
    """
    Serves ``subscriptions/listen``, and the standalone stream of a session.

    Spec: MCP 2026-07-28, basic/patterns/subscriptions
    """

    def __init__(
        self, subscriptions: Subscriptions, may_read: MaySubscribe, may_use_task: MaySubscribe
    ) -> None:
        self._subscriptions = subscriptions
        self._may_read = may_read
        self._may_use_task = may_use_task

    async def listen(self, request: RequestContext) -> Result:
        """
        Answer ``subscriptions/listen``: the granted filter, then notifications until the end.

        Raises:
            InvalidParams: the filter is malformed.
            NotAcceptable: the client does not accept event streams.
            ResponseSent: at the end, because the response is a stream.
        """
        granted = self._grant(request)
        if not accepts_event_stream(request.headers):
            raise NotAcceptable("no text/event-stream in accept")
        meta = {SUBSCRIPTION_ID: request.id}
        topics = [_KINDS[kind] for kind in granted if kind in _KINDS]
        topics += [resource_topic(uri) for uri in granted.get("resourceSubscriptions", ())]
        topics += [task_topic(task) for task in granted.get("taskIds", ())]
        subscription = Subscription(topics)
        # Subscribed before the acknowledgement: a change between the two must not be lost.
        self._subscriptions.add(subscription)
        try:
            await _begin(request.send)
            first = {"_meta": meta, "notifications": granted}
            await _write(
                request.send, notification("notifications/subscriptions/acknowledged", first)
            )
            await self._forward(request.send, subscription, meta)
        finally:
            self._subscriptions.remove(subscription)
        result = {"resultType": "complete", "_meta": meta}
        answer = _encode({"jsonrpc": "2.0", "id": request.id, "result": result})
        await request.send({"type": "http.response.body", "body": format_event(answer)})
        raise ResponseSent

    async def serve_standalone_stream(
        self, send: Send, session: Session, identity: Identity | None
    ) -> None:
        """
        Serve the standalone stream of a session to this caller; a new one replaces the old one.

        Spec: MCP 2025-11-25, transports, "Listening for Messages from the Server"
        """
        if session.standalone_stream is not None:
            session.standalone_stream.end()
        session.stream_identity = identity
        subscription = Subscription(_topics_of(session))
        session.standalone_stream = subscription
        self._subscriptions.add(subscription)
        try:
            await _begin(send)
            await self._forward(send, subscription, None)
        finally:
            self._subscriptions.remove(subscription)
            if session.standalone_stream is subscription:
                session.standalone_stream = None
        await send({"type": "http.response.body", "body": b""})

    def update_topics(self, session: Session) -> None:
        """Update the topics of the standalone stream to those of its session."""
        if session.standalone_stream is not None:
            self._subscriptions.remove(session.standalone_stream)
            session.standalone_stream.topics = frozenset(_topics_of(session))
            self._subscriptions.add(session.standalone_stream)

    async def _forward(
        self, send: Send, subscription: Subscription, meta: dict[str, Any] | None
    ) -> None:
        while not subscription.ended:
            taken = await subscription.take(KEEP_ALIVE_SECONDS)
            if not taken and not subscription.ended:
                await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
            for method, params in taken:
                sent = params if meta is None else {**params, "_meta": meta}
                await _write(send, notification(method, sent))

    def _grant(self, request: RequestContext) -> dict[str, Any]:
        wanted = request.params.get("notifications")
        if not isinstance(wanted, dict):
            raise InvalidParams("params.notifications is missing or not an object")
        granted: dict[str, Any] = {kind: True for kind in _KINDS if wanted.get(kind) is True}
        for member, may in (
            ("resourceSubscriptions", self._may_read),
            ("taskIds", self._may_use_task),
        ):
            if member in wanted:
                # Hidden names are omitted, as unknown ones are: the response does not reveal them.
                granted[member] = [
                    one for one in _names(wanted[member], member) if may(request, one)
                ]
        return granted


def _topics_of(session: Session) -> list[str]:
    return [
        *LIST_CHANGED,
        *(resource_topic(uri) for uri in session.audible_to(session.stream_identity)),
    ]


def _names(value: Any, member: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidParams(f"{member} must be a list of strings")
    if len(value) > MAX_WATCHED:
        raise InvalidParams(f"{member} has more than {MAX_WATCHED} entries")
    return value


async def _begin(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [*EVENT_STREAM_HEADERS]})
    # Some clients count as connected only after the first byte.
    await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})


async def _write(send: Send, message: bytes) -> None:
    await send({"type": "http.response.body", "body": format_event(message), "more_body": True})
