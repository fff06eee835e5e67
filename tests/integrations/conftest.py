"""One small shop, written once for each library whose servers are protected."""

# mypy: disable-error-code="untyped-decorator"

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from doorward.identity import Identity, current_identity
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import GuardAuth
from tests.integrations.guarded_server import GuardedServer

# No release of FastMCP has both: the newest one has no tasks yet, and the oldest one no skills.
# The tests run on both.
_PARTS = {
    "fastmcp_tasks": "test_fastmcp_tasks.py",
    "fastmcp.skills.provider": "test_fastmcp_skills.py",
}
collect_ignore = [file for part, file in _PARTS.items() if not importlib.util.find_spec(part)]


def _named(caller: Identity | None) -> str:
    return caller.subject if caller else "nobody"


class Library(NamedTuple):
    """How a server is made and protected; ``tool``, ``prompt`` and ``resource`` are decorators."""

    name: str
    new: Callable[[], Any]
    protect: Callable[..., Any]
    current_user: Any


def _auth_provider(server: FastMCP[Any], guard: Any, **options: Any) -> Any:
    server.auth = GuardAuth(guard)
    return server.http_app(path=guard.path, **options)


LIBRARIES = {
    "official-sdk": Library(
        "official-sdk", lambda: MCPServer("shop"), with_sdk.protect, with_sdk.CurrentUser
    ),
    "fastmcp": Library(
        "fastmcp", lambda: FastMCP("shop"), with_fastmcp.protect, with_fastmcp.CurrentUser
    ),
    "fastmcp-auth": Library(
        "fastmcp-auth", lambda: FastMCP("shop"), _auth_provider, with_fastmcp.CurrentUser
    ),
}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    """Return each library in turn."""
    return LIBRARIES[request.param]


@pytest.fixture
def shop(library: Library) -> Any:
    """Return a server with tools, prompts and resources that need different things."""
    server = library.new()
    add_tools(server, library.current_user)
    add_prompts_and_resources(server)
    return server


def add_tools(server: Any, user_type: Any) -> None:
    """Put the tools on the shelf."""

    @server.tool()
    @requires()
    async def who() -> str:
        """Say who asks."""
        before = _named(current_identity())
        await asyncio.sleep(0)
        return f"{before} {_named(current_identity())}"

    @server.tool()
    @requires()
    def who_in_a_thread() -> str:
        """Say who asks, from a worker thread."""
        return _named(current_identity())

    async def greet(greeting: str, user: Any) -> str:
        """Greet whoever asks."""
        return f"{greeting} {user.subject}"

    greet.__annotations__["user"] = user_type
    server.tool()(requires()(greet))

    @server.tool()
    @requires(scopes={"shop:refund", "mcp:read"}, roles={"manager"})
    async def refund(order: str) -> str:
        """Refund an order."""
        return f"refunded {order}"

    @server.tool()
    async def forgotten() -> str:
        """Stand here without a rule."""
        return "open"


def add_prompts_and_resources(server: Any) -> None:
    """Put the rest there."""

    @server.prompt()
    @requires()
    def hello() -> str:
        """Say hello."""
        return "hello"

    @server.prompt()
    @requires(scopes={"shop:refund"})
    def apology(order: str) -> str:
        """Write an apology."""
        return f"sorry for {order}"

    @server.resource("shop://prices")
    @requires()
    def prices() -> str:
        return "cheap"

    @server.resource("shop://margins")
    @requires(scopes={"shop:refund"})
    def margins() -> str:
        return "wide"

    @server.resource("shop://orders/{number}")
    @requires(scopes={"shop:refund"})
    def order(number: str) -> str:
        return f"order {number}"


@pytest.fixture
def guarded_server() -> GuardedServer:
    """Return a guarded server with the usual policy."""
    return GuardedServer()
