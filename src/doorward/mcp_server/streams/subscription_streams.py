"""The streams on which change notifications arrive."""

from collections.abc import Callable
from typing import Any

import msgspec

from doorward.mcp_server.asgi import Send
from doorward.mcp_server.refusals import InvalidParams, NotAcceptable
from doorward.mcp_server.request_context import RequestContext, ResponseSent
from doorward.mcp_server.streams.session import Session
from doorward.mcp_server.streams.stream import HEADERS, KEEP_ALIVE, event, reads_events
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

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
MOST_WATCHED = 1000
KEEP_ALIVE_SECONDS = 15.0
_encode = msgspec.json.Encoder().encode
_KINDS = {
    "toolsListChanged": TOOLS,
    "promptsListChanged": PROMPTS,
    "resourcesListChanged": RESOURCES,
}

# Whether this caller may watch the resource, and the task, that a filter names.
MayWatch = Callable[[RequestContext, str], bool]


class SubscriptionStreams:
    """
    Serves ``subscriptions/listen``, and the standing stream of a session.

    Spec: MCP 2026-07-28, basic/patterns/subscriptions
    """

    def __init__(
        self, subscriptions: Subscriptions, may_read: MayWatch, may_follow: MayWatch
    ) -> None:
        self._subscriptions = subscriptions
        self._may_read = may_read
        self._may_follow = may_follow

    async def listen(self, call: RequestContext) -> bytes:
        """
        Answer ``subscriptions/listen``: first what is granted, then every change, until either end.

        Raises:
            InvalidParams: the filter is not one.
            NotAcceptable: the client cannot read a stream.
            Served: always in the end; the answer is a stream.
        """
        granted = self._grant(call)
        if not reads_events(call.headers):
            raise NotAcceptable("no text/event-stream in accept")
        meta = {SUBSCRIPTION_ID: call.id}
        topics = [_KINDS[kind] for kind in granted if kind in _KINDS]
        topics += [resource_topic(uri) for uri in granted.get("resourceSubscriptions", ())]
        topics += [task_topic(task) for task in granted.get("taskIds", ())]
        subscription = Subscription(topics)
        # Listening before it is said: a change between the two must not be lost.
        self._subscriptions.add(subscription)
        try:
            await _begin(call.send)
            first = {"_meta": meta, "notifications": granted}
            await _write(call.send, notification("notifications/subscriptions/acknowledged", first))
            await self._pass_on(call.send, subscription, meta)
        finally:
            self._subscriptions.remove(subscription)
        result = {"resultType": "complete", "_meta": meta}
        answer = _encode({"jsonrpc": "2.0", "id": call.id, "result": result})
        await call.send({"type": "http.response.body", "body": event(answer)})
        raise ResponseSent

    async def stand(self, send: Send, session: Session) -> None:
        """
        Serve the stream on which a session hears of changes; a new one takes the old one's place.

        Spec: MCP 2025-11-25, transports, "Listening for Messages from the Server"
        """
        if session.standing is not None:
            session.standing.end()
        subscription = Subscription(_topics_of(session))
        session.standing = subscription
        self._subscriptions.add(subscription)
        try:
            await _begin(send)
            await self._pass_on(send, subscription, None)
        finally:
            self._subscriptions.remove(subscription)
            if session.standing is subscription:
                session.standing = None
        await send({"type": "http.response.body", "body": b""})

    def follow(self, session: Session) -> None:
        """Let the standing stream follow what its session subscribed to meanwhile."""
        if session.standing is not None:
            self._subscriptions.remove(session.standing)
            session.standing.topics = frozenset(_topics_of(session))
            self._subscriptions.add(session.standing)

    async def _pass_on(
        self, send: Send, subscription: Subscription, meta: dict[str, Any] | None
    ) -> None:
        while not subscription.ended:
            taken = await subscription.take(KEEP_ALIVE_SECONDS)
            if not taken and not subscription.ended:
                await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
            for method, params in taken:
                told = params if meta is None else {**params, "_meta": meta}
                await _write(send, notification(method, told))

    def _grant(self, call: RequestContext) -> dict[str, Any]:
        asked = call.params.get("notifications")
        if not isinstance(asked, dict):
            raise InvalidParams("params.notifications is missing or no object")
        granted: dict[str, Any] = {kind: True for kind in _KINDS if asked.get(kind) is True}
        for member, may in (
            ("resourceSubscriptions", self._may_read),
            ("taskIds", self._may_follow),
        ):
            if member in asked:
                # What is not theirs is left out like what is not there: no list of what is hidden.
                granted[member] = [one for one in _names(asked[member], member) if may(call, one)]
        return granted


def _topics_of(session: Session) -> list[str]:
    return [*LIST_CHANGED, *(resource_topic(uri) for uri in session.subscribed)]


def _names(value: Any, member: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidParams(f"{member} must be a list of strings")
    if len(value) > MOST_WATCHED:
        raise InvalidParams(f"{member} has more than {MOST_WATCHED} entries")
    return value


async def _begin(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
    # Something to read at once: some clients wait for the first byte before they say "connected".
    await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})


async def _write(send: Send, message: bytes) -> None:
    await send({"type": "http.response.body", "body": event(message), "more_body": True})
