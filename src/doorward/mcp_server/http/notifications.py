"""Telling the clients who listen that something changed."""

from doorward.mcp_server.catalog import Catalog
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.subscriptions import LIST_CHANGED, resource_topic


class Notifications:
    """
    The side of a server that speaks up by itself; ``subscriptions=True`` turns it on.

    Spec: MCP 2026-07-28 subscriptions; MCP 2025-11-25 resources, list changed notifications
    """

    _state: ServerState
    _catalog: Catalog

    @property
    def listeners(self) -> int:
        """How many streams of change notifications are open."""
        return len(self._state.subscriptions)

    async def notify_resource_updated(self, uri: str) -> None:
        """Tell whoever watches ``uri`` that it changed. Raises: ConfigurationError."""
        self._publish(resource_topic(uri), uri=uri)

    async def notify_tools_changed(self) -> None:
        """Tell whoever wants to hear of it that the list of tools changed."""
        self._publish("tools")

    async def notify_prompts_changed(self) -> None:
        """Tell whoever wants to hear of it that the list of prompts changed."""
        self._publish("prompts")

    async def notify_resources_changed(self) -> None:
        """Tell whoever wants to hear of it that the list of resources changed."""
        self._publish("resources")

    def _publish(self, topic: str, **params: str) -> None:
        self._catalog.require_subscriptions()
        method = LIST_CHANGED.get(topic, "notifications/resources/updated")
        self._state.subscriptions.publish(topic, method, params)
