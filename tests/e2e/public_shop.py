"""A server of each kind with a public tool and a protected one, where alice signs in."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.config.service.parts import Lifespan
from doorward.embedded import GuardWithSignIn, OwnUsers
from doorward.gateway import Gateway, Route
from doorward.gateway.upstream.shortened_lists import ShortenedLists
from doorward.guard import AuditEvent
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.policy import Operation
from tests.idp.listening import Application, listening
from tests.pages.browser import served

# mypy: disable-error-code="untyped-decorator"

USER, PASSWORD = "alice", "correct horse battery staple"
ORDERS = "the orders of a person"
BASE = Rule({"shop:read"})
RULES = {("tools/call", "add"): Rule(public=True), ("tools/call", "orders"): Rule({"shop:orders"})}


def whose(user: Identity) -> str:
    """Return what the protected tool says to its caller."""
    return ORDERS if user.kind == "person" else "nothing"


def own(guard: Guard) -> Application:
    """A server of our own."""
    server = McpServer("shop", version="1")

    @server.tool(public=True)
    async def add(a: int, b: int, user: Identity | None) -> int:
        return a + b if user is None else b + a

    @server.tool()
    async def orders(user: Identity) -> str:
        return whose(user)

    return guard.protect(server.asgi)


def sdk(guard: Guard) -> Application:
    """A server of the official SDK."""
    server = MCPServer("shop")

    @server.tool()
    async def add(a: int, b: int, user: with_sdk.OptionalUser) -> int:
        return a + b if user is None else b + a

    @server.tool()
    async def orders(user: with_sdk.CurrentUser) -> str:
        return whose(user)

    return with_sdk.protect(server, guard)


def fastmcp(guard: Guard) -> Application:
    """A FastMCP server."""
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    async def add(a: int, b: int, user: with_fastmcp.OptionalUser) -> int:
        return a + b if user is None else b + a

    @server.tool
    async def orders(user: with_fastmcp.CurrentUser) -> str:
        return whose(user)

    return with_fastmcp.protect(server, guard)


KINDS: dict[str, Callable[[Guard], Application]] = {"own": own, "sdk": sdk, "fastmcp": fastmcp}
"""The servers in this process."""


@contextmanager
def behind_gateway() -> Iterator[Callable[[Guard], Application]]:
    """Run a server that knows nothing of users; give what puts a gateway and a guard before it."""
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    def orders() -> str:
        return ORDERS

    app = server.http_app(path="/mcp")
    with served(app, around=app.lifespan(app)) as upstream:

        def protect(guard: Guard) -> Application:
            def permits(identity: Identity | None, operation: Operation) -> bool:
                return guard.policy.decide(identity, operation).allowed

            route = Route(path="/mcp", upstream=upstream, cors="upstream")
            public = guard.resource.removesuffix("/mcp")
            return guard.protect(
                Gateway(public=public, routes=(route,), lists=ShortenedLists(permits))
            )

        yield protect


class Shop:
    """A running server, and what its guard decided."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[AuditEvent] = []


@contextmanager
def shop(protect: Callable[[Guard], Application], folder: Path) -> Iterator[Shop]:
    """Serve one kind of server, where alice signs in with a password."""
    made = Shop()

    @asynccontextmanager
    async def build(base: str) -> AsyncIterator[Application]:
        guard = GuardWithSignIn(
            OwnUsers(),
            public_url=f"{base}/mcp",
            policy=Policy(base=BASE, rules=RULES),
            data=folder,
            audit=made.events.append,
        )
        app = protect(guard)
        lifespan = Lifespan(app)
        await lifespan.start()
        users = guard.authorization_server.server.users
        await users.add(USER, PASSWORD, scopes={"shop:read", "shop:orders"})
        yield app
        await lifespan.stop()

    with listening(build) as base:
        made.url = f"{base}/mcp"
        yield made
