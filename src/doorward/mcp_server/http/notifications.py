"""``notify_…``: telling subscribed clients that something changed."""

from doorward.mcp_server.catalog import Catalog
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.subscriptions import LIST_CHANGED, resource_topic


class Notifications:
    """
    The change notifications of a server; ``subscriptions=True`` turns them on.

    Spec: MCP 2026-07-28 subscriptions; MCP 2025-11-25 resources, list changed notifications
    """

    _state: ServerState
    _catalog: Catalog

    @property
    def listeners(self) -> int:
        """The number of open notification streams."""
        return len(self._state.subscriptions)

    async def notify_resource_updated(self, uri: str) -> None:
        """Notify the subscribers of ``uri`` that it changed. Raises: ConfigurationError."""
        self._publish(resource_topic(uri), uri=uri)

    async def notify_tools_changed(self) -> None:
        """Notify subscribers that the list of tools changed. Raises: ConfigurationError."""
        self._publish("tools")

    async def notify_prompts_changed(self) -> None:
        """Notify subscribers that the list of prompts changed. Raises: ConfigurationError."""
        self._publish("prompts")

    async def notify_resources_changed(self) -> None:
        """Notify subscribers that the list of resources changed. Raises: ConfigurationError."""
        self._publish("resources")

    def _publish(self, topic: str, **params: str) -> None:
        self._catalog.require_subscriptions()
        method = LIST_CHANGED.get(topic, "notifications/resources/updated")
        self._state.subscriptions.publish(topic, method, params)
