"""A gateway on real sockets, and an upstream server with a given answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from doorward.gateway import Gateway, Route, realm_routes
from doorward.gateway.forwarder import ForwardedRequest
from doorward.serving import Connection
from tests.e2e import raw_http
from tests.net.tls_server import Answer, Place, ok, saying, serving

PUBLIC = "http://localhost:9090"
ISSUER = f"{PUBLIC}/realms/mcp-realm"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass
class RunningGateway:
    """A running gateway: its port, its upstream server, and its audit events."""

    port: int
    upstream: Place
    events: list[ForwardedRequest] = field(default_factory=list)

    async def send(self, request: bytes) -> raw_http.Answer:
        """Send bytes as they are and return the one answer."""
        return await asyncio.to_thread(raw_http.send, self.port, request)

    async def get(self, path: str, *headers: tuple[str, str], method: str = "GET") -> Any:
        """Ask for a path."""
        return await self.send(raw_http.request(method, path, b"", *headers))

    async def post(self, path: str, body: bytes, *headers: tuple[str, str]) -> Any:
        """Send a form."""
        return await self.send(raw_http.request("POST", path, body, FORM, *headers))


@asynccontextmanager
async def running_gateway(answer: Answer | bytes, **options: Any) -> AsyncIterator[RunningGateway]:
    """Put a gateway for the tutorial's realm and an MCP server in front of ``answer``."""
    said = saying(answer) if isinstance(answer, bytes) else answer
    async with serving(said, None) as upstream:
        origin = f"http://127.0.0.1:{upstream.port}"
        events: list[ForwardedRequest] = []
        app = Gateway(
            public=PUBLIC,
            routes=(
                Route(path="/mcp", upstream=origin, cors="upstream"),
                *realm_routes(public=PUBLIC, keycloak=origin, realm="mcp-realm"),
            ),
            audit=events.append,
            **options,
        )
        async with listening(app) as port:
            yield RunningGateway(port, upstream, events)


@asynccontextmanager
async def listening(app: Gateway) -> AsyncIterator[int]:
    """Serve ``app`` with the protocol of the command, on a free port and without its main loop."""
    config = uvicorn.Config(app, http=Connection, log_config=None, proxy_headers=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.gather(*state.tasks)


@asynccontextmanager
async def open_until_left(begin: bytes) -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """Serve ``begin`` and then nothing; give the origin, and the events of being asked and left."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        asked.set()
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked, left


def document(**changes: Any) -> bytes:
    """Return an answer with the realm's metadata."""
    metadata = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/protocol/openid-connect/token"}
    return ok(json.dumps({**metadata, **changes}).encode(), "Content-Type: application/json")
