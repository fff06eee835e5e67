"""An MCP server behind a guard that trusts a real Keycloak, spoken to without a socket."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from doorward import Guard, Identity, McpServer, Policy, Rule
from tests.keycloak.running import RESOURCE
from tests.mcp_server.rpc_client import Response, RpcClient


class Clock:
    """The real time, which a test may move on."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def mcp_server() -> McpServer:
    """Return a server with one tool for everybody, one for mcp:tools, one for administrators."""
    server = McpServer("behind-keycloak", version="1.0")

    @server.tool()
    async def who_am_i(user: Identity) -> str:
        return f"{user.client_id} {','.join(sorted(user.roles))}"

    @server.tool(scopes={"mcp:tools"})
    async def echo(text: str) -> str:
        return text

    @server.prompt(scopes={"mcp:prompts"})
    def greeting(name: str) -> str:
        return f"Greet {name}."

    return server


class Guarded:
    """The protected server."""

    def __init__(self, issuer: str) -> None:
        server = mcp_server()
        self.clock = Clock()
        self.guard = Guard(
            idp="keycloak",
            issuer=issuer,
            resource=RESOURCE,
            policy=Policy(base=Rule(scopes={"mcp:read"}), rules=server.rules),
            clock=self.clock,
        )
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.guard.protect(server.asgi)),
            base_url="http://localhost:9000",
        )

    async def call(self, token: str, tool: str = "who_am_i", /, **arguments: str) -> Response:
        """Call a tool with that token."""
        headers = {"authorization": f"Bearer {token}"}
        return await RpcClient(self.http).call(tool, headers, **arguments)

    async def greet(self, token: str) -> Response:
        """Ask for the prompt with that token."""
        params = {"name": "greeting", "arguments": {"name": "Ada"}}
        headers = {"authorization": f"Bearer {token}"}
        return await RpcClient(self.http).ask("prompts/get", params, headers=headers)


@asynccontextmanager
async def guarded(issuer: str) -> AsyncIterator[Guarded]:
    """Protect a server with what Keycloak at ``issuer`` says."""
    server = Guarded(issuer)
    async with server.http:
        yield server
