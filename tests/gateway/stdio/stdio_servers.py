"""Stdio servers for the tests of this folder, and clients of them."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from doorward.gateway.stdio import StdioCommand, StdioLimits, StdioServer
from doorward.identity import Identity
from doorward.mcp_server import McpServer
from tests.mcp_server.rpc_client import MODERN, RpcClient, person, rpc_client
from tests.mcp_server.session_client import SessionClient, session_client

CHILD = str(Path(__file__).parent / "child.py")
ALICE, BOB = person("alice"), person("bob")


def command(*arguments: str, limits: StdioLimits | None = None, **settings: Any) -> StdioCommand:
    """Return the command of the server in ``child.py``."""
    limits = limits or StdioLimits()
    return StdioCommand(command=(sys.executable, CHILD, *arguments), limits=limits, **settings)


@asynccontextmanager
async def stdio_server(
    *arguments: str, limits: StdioLimits | None = None, **settings: Any
) -> AsyncIterator[StdioServer]:
    """Give a server, and end its processes; ``settings`` are those of command or server."""
    of_server = {
        name: settings.pop(name) for name in ("decide", "log", "clock") if name in settings
    }
    server = StdioServer(command(*arguments, limits=limits, **settings), **of_server)
    try:
        yield server
    finally:
        await server.aclose()
        assert len(server.processes) == 0


@asynccontextmanager
async def client_of(
    server: StdioServer,
    version: str = MODERN,
    *,
    identity: Identity | None = ALICE,
    capabilities: Mapping[str, Any] | None = None,
) -> AsyncIterator[RpcClient]:
    """Give a client without a session."""
    app = cast(McpServer, SimpleNamespace(asgi=server))
    async with rpc_client(app, version, identity=identity, capabilities=capabilities) as client:
        yield client


@asynccontextmanager
async def session_of(
    server: StdioServer,
    version: str = "2025-11-25",
    *,
    identity: Identity | None = ALICE,
    capabilities: Mapping[str, Any] | None = None,
) -> AsyncIterator[SessionClient]:
    """Give a client on a socket, with a session in the revisions that have them."""
    app = cast(McpServer, SimpleNamespace(asgi=server))
    async with session_client(app, version, identity=identity, capabilities=capabilities) as client:
        if version != MODERN:
            await client.initialize(capabilities)
        yield client
