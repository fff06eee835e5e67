"""A client for any protocol revision; the SDK's models validate every response."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp_types.jsonrpc import JSONRPCError
from mcp_types.methods import SERVER_NOTIFICATIONS, SERVER_REQUESTS, validate_server_result

from doorward.identity import SCOPE_KEY, Identity, Kind
from doorward.mcp_server import McpServer
from doorward.wire.asgi import Receive, Scope, Send
from doorward.wire.jsonrpc.envelope import MIRRORED
from doorward.wire.jsonrpc.routing_headers import encode_name

MODERN = "2026-07-28"
LEGACY = ("2025-03-26", "2025-06-18", "2025-11-25")
REVISIONS = (*LEGACY, MODERN)

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CLIENT = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": META["io.modelcontextprotocol/clientInfo"],
}


def person(
    subject: str, *scopes: str, roles: tuple[str, ...] = (), kind: Kind = "person"
) -> Identity:
    """Return the identity of a verified caller."""
    return Identity(
        issuer="https://as.example",
        subject=subject,
        client_id="client",
        scopes=frozenset(scopes),
        roles=frozenset(roles),
        expires_at=2e9,
        kind=kind,
    )


class Response:
    """An HTTP response whose JSON-RPC message the SDK's models have validated."""

    def __init__(self, response: httpx2.Response, method: str, version: str) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text
        self.messages = messages_in(response)
        self.message: dict[str, Any] = self.messages[-1] if self.messages else {}
        for told in self.messages[:-1]:
            validate_message(told, version)
        if "result" in self.message and not _is_of_tasks(method, self.message["result"]):
            validate_server_result(method, version, self.message["result"])
        elif "error" in self.message:
            JSONRPCError.model_validate({"id": None, **self.message})

    @property
    def result(self) -> dict[str, Any]:
        """Return the result; there must be one."""
        assert "result" in self.message, self.text
        found: dict[str, Any] = self.message["result"]
        return found

    @property
    def error(self) -> dict[str, Any]:
        """Return the error; there must be one."""
        assert "error" in self.message, self.text
        found: dict[str, Any] = self.message["error"]
        return found

    @property
    def content_text(self) -> str:
        """Return the text of the only content block."""
        (block,) = self.result["content"]
        text: str = block["text"]
        return text


def validate_message(message: Mapping[str, Any], version: str) -> None:
    """Validate a notification or a request of the server with the SDK's models."""
    known = SERVER_REQUESTS if "id" in message else SERVER_NOTIFICATIONS
    known[(message["method"], version)].model_validate(message)


def _is_of_tasks(method: str, result: Mapping[str, Any]) -> bool:
    # The SDK's models know the core protocol and not its extensions.
    return method.startswith("tasks/") or result.get("resultType") == "task"


def messages_in(response: httpx2.Response) -> list[dict[str, Any]]:
    """Return every message of a response, which can be a stream."""
    if not response.text:
        return []
    if response.headers.get("content-type") != "text/event-stream":
        return [json.loads(response.text)]
    return [
        json.loads(line.removeprefix("data: "))
        for line in response.text.splitlines()
        if line.startswith("data: {")
    ]


class RpcClient:
    """A client of one server, with one protocol revision."""

    def __init__(self, http: httpx2.AsyncClient, version: str = MODERN) -> None:
        self.http = http
        self.version = version
        self.capabilities: dict[str, Any] = {}

    async def ask(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        id: str | int = 1,  # noqa: A002
    ) -> Response:
        """Send a request as a conforming client of this revision does."""
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
        body["params"] = dict(params or {})
        sent = {"mcp-protocol-version": self.version}
        if self.version == MODERN:
            body["params"]["_meta"] = {
                **META,
                "io.modelcontextprotocol/clientCapabilities": self.capabilities,
                **body["params"].get("_meta", {}),
            }
            sent["mcp-method"] = method
            if (name := body["params"].get(MIRRORED.get(method, ""))) is not None:
                sent["mcp-name"] = encode_name(name)
        return await self.post(body, {**sent, **(headers or {})}, method)

    async def call(
        self, name: str, headers: Mapping[str, str] | None = None, /, **arguments: Any
    ) -> Response:
        """Call a tool."""
        params = {"name": name, "arguments": arguments}
        return await self.ask("tools/call", params, headers=headers)

    async def post(
        self, body: Any, headers: Mapping[str, str] | None = None, method: str = ""
    ) -> Response:
        """Send whatever is given; bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **(headers or {}),
        }
        response = await self.http.post("/mcp", content=content, headers=sent)
        return Response(response, method, self.version)

    async def tools(self) -> list[str]:
        """Return the names of the tools that are listed for this client."""
        return [tool["name"] for tool in (await self.ask("tools/list")).result["tools"]]


@asynccontextmanager
async def rpc_client(
    server: McpServer,
    version: str = MODERN,
    *,
    identity: Identity | None = None,
    capabilities: Mapping[str, Any] | None = None,
) -> AsyncIterator[RpcClient]:
    """Open a connection to the server; ``identity`` is what a guard in front would have found."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if identity is not None:
            scope[SCOPE_KEY] = identity
        await server.asgi(scope, receive, send)

    transport = httpx2.ASGITransport(app=guarded)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        peer = RpcClient(http, version)
        peer.capabilities = dict(capabilities or {})
        yield peer
