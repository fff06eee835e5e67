"""A server with all that the conformance suite calls by name."""

from doorward.mcp_server import McpServer
from tests.mcp_server.everything_asking import add_asking_tools
from tests.mcp_server.everything_plain import add_plain
from tests.mcp_server.everything_rounds import add_rounds
from tests.mcp_server.everything_tasks import add_tasks


def everything() -> McpServer:
    """Return the server."""
    server = McpServer("everything", version="1.0", instructions="For tests.", subscriptions=True)
    add_plain(server)
    add_asking_tools(server)
    add_rounds(server)
    add_tasks(server)
    return server
