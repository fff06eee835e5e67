"""The server that the conformance suite expects, with every feature."""

from doorward.mcp_server import McpServer
from tests.mcp_server.everything_plain import add_plain
from tests.mcp_server.everything_round_trips import add_rounds
from tests.mcp_server.everything_session import add_session_tools
from tests.mcp_server.everything_tasks import add_tasks


def everything() -> McpServer:
    """Return the server."""
    server = McpServer("everything", version="1.0", instructions="For tests.", subscriptions=True)
    add_plain(server)
    add_session_tools(server)
    add_rounds(server)
    add_tasks(server)
    return server
