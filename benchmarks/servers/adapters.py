"""Other people's servers behind the guard, each by the line that a user writes."""

from typing import Any

from benchmarks.scene import SCOPE
from benchmarks.servers.doorward_server import guard
from doorward.policy import Policy, Rule

# Each imports its library here, because the other contender must not carry its weight.


def build_sdk(keys_url: str) -> Any:
    """Return the official SDK's server, in its quickest setting, with a rule beside its tool."""
    from mcp.server.mcpserver import MCPServer

    from doorward.integrations.mcp_sdk import protect, requires

    server = MCPServer[Any]("bench")

    @server.tool()
    @requires(scopes={SCOPE})
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return protect(server, guard(keys_url, Policy(base=Rule())), json_response=True)


def build_fastmcp(keys_url: str) -> Any:
    """Return FastMCP's application, in its quickest setting, with the guard as its provider."""
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import GuardAuth, requires

    auth = GuardAuth(guard(keys_url, Policy(base=Rule())))
    server: FastMCP[Any] = FastMCP("bench", auth=auth)

    @server.tool(auth=requires(scopes={SCOPE}))
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return server.http_app(path="/mcp", json_response=True)
