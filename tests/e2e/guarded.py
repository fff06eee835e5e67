"""A small server behind a guard, for whatever issuer a test brings."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from doorward import Guard, McpServer, Policy, Rule
from doorward.identity import Identity
from tests.idp.listening import Application, listening

READ, TOOLS = "mcp:read", "mcp:tools"


def build_server() -> McpServer:
    """Return a server with a tool that adds, and one that says whom it serves."""
    server = McpServer("guarded", version="1")

    @server.tool(scopes={TOOLS})
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool(scopes={READ})
    async def who_am_i(user: Identity) -> str:
        """Say whom the token names."""
        return user.subject

    return server


@contextmanager
def guarded(
    port: int, *, build_server: Callable[[], McpServer] = build_server, **settings: Any
) -> Iterator[str]:
    """
    Serve it behind a guard with those ``settings``; give the address of the endpoint.

    The port comes from the caller, because an issuer may have to know the resource first.
    """

    @asynccontextmanager
    async def build(base: str) -> AsyncIterator[Application]:
        server = build_server()
        policy = Policy(base=Rule(scopes={READ}), rules=server.rules)
        guard = Guard(resource=f"{base}/mcp", policy=policy, **settings)
        await guard.verifier.start()
        yield guard.protect(server.asgi)
        await guard.verifier.aclose()

    with listening(build, port) as base:
        yield f"{base}/mcp"
