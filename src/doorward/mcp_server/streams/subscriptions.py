"""Change notifications: who wants to hear of what, and the streams on which they hear it."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode

TOOLS, PROMPTS, RESOURCES = "tools", "prompts", "resources"
LIST_CHANGED = {kind: f"notifications/{kind}/list_changed" for kind in (TOOLS, PROMPTS, RESOURCES)}


def resource_topic(uri: str) -> str:
    """Return the topic of one resource."""
    return f"resource:{uri}"


def task_topic(task_id: str) -> str:
    """Return the topic of one task."""
    return f"task:{task_id}"


class Subscription:
    """
    What one stream is waiting for, and what it has not sent yet.

    Of each topic only the latest notification is kept: they say that something changed, and a slow
    client learns that once. So a stream never holds more than it subscribed to.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self.ended = False
        self._waiting: dict[str, tuple[str, dict[str, Any]]] = {}
        self._changed = asyncio.Event()

    def put(self, topic: str, method: str, params: dict[str, Any]) -> None:
        """Keep a notification for the stream."""
        self._waiting[topic] = (method, params)
        self._changed.set()

    def end(self) -> None:
        """Say that the server ends this stream."""
        self.ended = True
        self._changed.set()

    async def take(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Return what there is, waiting for it at most so long; nothing when it took too long."""
        if not self._waiting and not self.ended:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return []
        self._changed.clear()
        taken, self._waiting = list(self._waiting.values()), {}
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
        """Deliver to it no longer."""
        self._all.discard(subscription)
        for topic in subscription.topics:
            listening = self._by_topic.get(topic, set())
            listening.discard(subscription)
            if not listening:
                self._by_topic.pop(topic, None)

    def publish(self, topic: str, method: str, params: dict[str, Any]) -> None:
        """Tell everybody who listens to ``topic``."""
        for subscription in self._by_topic.get(topic, ()):
            subscription.put(topic, method, params)

    def close_all(self) -> None:
        """End every stream, gracefully."""
        for subscription in self._all:
            subscription.end()

    def __len__(self) -> int:
        """Return how many streams are open."""
        return len(self._all)


def notification(method: str, params: dict[str, Any]) -> bytes:
    """Return a notification as JSON text."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})
