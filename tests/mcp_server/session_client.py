"""A client over a real socket, which reads a stream while the server writes it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from doorward.identity import SCOPE_KEY, Identity
from doorward.mcp_server import McpServer
from doorward.wire.asgi import Receive, Scope, Send
from tests.mcp_server.loopback_server import serving
from tests.mcp_server.rpc_client import CLIENT, META, MODERN, RpcClient, validate_message
from tests.net.http_server import TRUSTS_NOBODY

EVENTS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


class EventReader:
    """The messages of a stream as they come; the SDK's models validate notifications."""

    def __init__(self, response: httpx2.Response, version: str) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.ids: list[str] = []
        self.comments = 0
        self._lines = response.aiter_lines()
        self._version = version

    async def next(self) -> dict[str, Any] | None:
        """Return the next message, or ``None`` at the end of the stream."""
        async for line in self._lines:
            if line.startswith("id: "):
                self.ids.append(line.removeprefix("id: "))
            elif line.startswith(":"):
                self.comments += 1
            elif line.startswith("data: {"):
                message: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if "method" in message and message["method"] != "notifications/tasks":
                    validate_message(message, self._version)
                return message
        return None

    async def rest(self) -> list[dict[str, Any]]:
        """Return every message until the stream ends."""
        found = []
        while (message := await self.next()) is not None:
            found.append(message)
        return found


class SessionClient:
    """A client of a listening server, with one protocol revision and at most one session."""

    def __init__(self, http: httpx2.AsyncClient, version: str) -> None:
        self.http = http
        self.version = version
        self.session: str | None = None
        self.capabilities: dict[str, Any] = {}

    def headers(self, method: str | None = None, name: str | None = None) -> dict[str, str]:
        """Return the headers of a conforming client of this revision."""
        found = {**EVENTS, "mcp-protocol-version": self.version}
        if self.session is not None:
            found["mcp-session-id"] = self.session
        if self.version == MODERN and method is not None:
            found["mcp-method"] = method
            if name is not None:
                found["mcp-name"] = name
        return found

    @asynccontextmanager
    async def stream(
        self, method: str, params: Mapping[str, Any] | None = None, request_id: int = 1
    ) -> AsyncIterator[EventReader]:
        """Open the response stream of a request."""
        told = dict(params or {})
        if self.version == MODERN:
            capabilities = {"io.modelcontextprotocol/clientCapabilities": self.capabilities}
            told["_meta"] = {**META, **capabilities, **told.get("_meta", {})}
        body = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": told}
        headers = self.headers(method, told.get("name"))
        async with self.http.stream("POST", "/mcp", json=body, headers=headers) as response:
            yield EventReader(response, self.version)

    @asynccontextmanager
    async def standalone_stream(
        self, last_event_id: str | None = None
    ) -> AsyncIterator[EventReader]:
        """Open the standalone stream of the session, or resume an interrupted one."""
        headers = self.headers()
        if last_event_id is not None:
            headers["last-event-id"] = last_event_id
        async with self.http.stream("GET", "/mcp", headers=headers) as response:
            yield EventReader(response, self.version)

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the response to a request, as JSON or from a stream."""
        peer = RpcClient(self.http, self.version)
        peer.capabilities = self.capabilities
        headers = {} if self.session is None else {"mcp-session-id": self.session}
        return (await peer.ask(method, params, headers=headers)).message

    async def post(self, message: Mapping[str, Any]) -> httpx2.Response:
        """Send any message."""
        return await self.http.post("/mcp", json=dict(message), headers=self.headers())

    async def initialize(self, capabilities: Mapping[str, Any] | None = None) -> str | None:
        """Begin, with a session if the server has them; returns its id."""
        params = {**CLIENT, "protocolVersion": self.version, "capabilities": capabilities or {}}
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        response = await self.http.post("/mcp", json=body, headers=EVENTS)
        assert response.status_code == 200
        self.session = response.headers.get("mcp-session-id")
        return self.session


@asynccontextmanager
async def session_client(
    server: McpServer,
    version: str = MODERN,
    *,
    identity: Identity | None = None,
    capabilities: Mapping[str, Any] | None = None,
) -> AsyncIterator[SessionClient]:
    """Serve on a socket and connect; ``identity`` is what a guard in front would have found."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if identity is not None:
            scope[SCOPE_KEY] = identity
        await server.asgi(scope, receive, send)

    limits = httpx2.Limits(max_connections=None)
    async with (
        serving(guarded) as base,
        httpx2.AsyncClient(base_url=base, limits=limits, timeout=20, verify=TRUSTS_NOBODY) as http,
    ):
        caller = SessionClient(http, version)
        caller.capabilities = dict(capabilities or {})
        yield caller
