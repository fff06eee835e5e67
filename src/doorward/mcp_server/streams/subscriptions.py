"""Change notifications: the topics of each stream, and what it has not sent yet."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode

TOOLS, PROMPTS, RESOURCES = "tools", "prompts", "resources"
_RESOURCE = "resource:"
LIST_CHANGED = {kind: f"notifications/{kind}/list_changed" for kind in (TOOLS, PROMPTS, RESOURCES)}


def resource_topic(uri: str) -> str:
    """Return the topic of one resource."""
    return _RESOURCE + uri


def task_topic(task_id: str) -> str:
    """Return the topic of one task."""
    return f"task:{task_id}"


class Subscription:
    """
    The topics of one stream, and the notifications that it has not sent yet.

    Only the latest notification of each topic is kept: a slow client learns of several changes
    once. So a stream never holds more than one notification per topic.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self.ended = False
        self._pending: dict[str, tuple[str, dict[str, Any]]] = {}
        self._changed = asyncio.Event()

    def put(self, topic: str, method: str, params: dict[str, Any]) -> None:
        """Queue a notification for the stream."""
        self._pending[topic] = (method, params)
        self._changed.set()

    def end(self) -> None:
        """Let the stream end."""
        self.ended = True
        self._changed.set()

    async def take(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Return the pending notifications, after at most ``seconds``; the list can be empty."""
        if not self._pending and not self.ended:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return []
        self._changed.clear()
        taken, self._pending = list(self._pending.values()), {}
        return taken


class Subscriptions:
    """Every subscription of a server, by topic."""

    def __init__(self) -> None:
        self._all: set[Subscription] = set()
        self._by_topic: dict[str, set[Subscription]] = {}

    def add(self, subscription: Subscription) -> None:
        """Deliver to this subscription from now on."""
        self._all.add(subscription)
        for topic in subscription.topics:
            self._by_topic.setdefault(topic, set()).add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Stop delivering to this subscription."""
        self._all.discard(subscription)
        for topic in subscription.topics:
            listening = self._by_topic.get(topic, set())
            listening.discard(subscription)
            if not listening:
                self._by_topic.pop(topic, None)

    def publish(self, topic: str, method: str, params: dict[str, Any]) -> None:
        """Queue a notification for each subscription to ``topic``."""
        for subscription in self._by_topic.get(topic, ()):
            subscription.put(topic, method, params)

    def resources(self) -> list[str]:
        """Return the URIs that any stream is subscribed to."""
        return [one.removeprefix(_RESOURCE) for one in self._by_topic if one.startswith(_RESOURCE)]

    def close_all(self) -> None:
        """Let every stream end."""
        for subscription in self._all:
            subscription.end()

    def __len__(self) -> int:
        """Return how many streams are open."""
        return len(self._all)


def notification(method: str, params: dict[str, Any]) -> bytes:
    """Return a notification as JSON text."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})
