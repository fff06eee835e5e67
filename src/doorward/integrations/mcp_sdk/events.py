"""The events of one session, in a store that all sessions of a server share."""

import secrets
from typing import Any

from mcp.server.streamable_http import (
    EventCallback,
    EventId,
    EventMessage,
    EventStore,
    StreamId,
)
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import JSONRPCMessage


def keep_events_apart(manager: StreamableHTTPSessionManager) -> None:
    """
    Let each session of ``manager`` replay its own events and no others.

    The SDK gives all sessions one store, and names a stream by the id of its request. A caller who
    names an event of somebody else, or has used the same request id, would be sent their answers.

    Spec: MCP 2025-11-25 basic/transports §Resumability and Redelivery
    """
    shared = manager.event_store
    if shared is None:
        return

    def event_store(_: Any) -> EventStore:
        return SessionEvents(shared)

    # The manager reads the attribute once for each session that it opens.
    kind = type(manager)
    manager.__class__ = type(kind.__name__, (kind,), {"event_store": property(event_store)})


class SessionEvents(EventStore):
    """The part of the store ``shared`` that belongs to one session."""

    def __init__(self, shared: EventStore) -> None:
        self._shared = shared
        self._prefix = f"{secrets.token_hex(16)} "

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        """Keep an event of one of the session's streams; return its id."""
        return await self._shared.store_event(self._prefix + stream_id, message)

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        """Send what followed an event of the session; return its stream, if it has one."""
        # Sent only once it is known whose they are: the store says that last.
        kept: list[EventMessage] = []

        async def keep(event: EventMessage) -> None:
            kept.append(event)

        stream_id = await self._shared.replay_events_after(last_event_id, keep)
        if stream_id is None or not stream_id.startswith(self._prefix):
            return None
        for event in kept:
            await send_callback(event)
        return stream_id.removeprefix(self._prefix)
