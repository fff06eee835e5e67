"""Step 2: `/mcp` reads MCP requests and answers the first of them.

Adds: one JSON-RPC message per POST, parsed and checked, in both generations of MCP. Until
2025-11-25 a client sends `initialize`. In 2026-07-28 it sends `server/discover`, each request names
its protocol version in `_meta`, and `Mcp-Method` and `Mcp-Name` repeat what the body asks for.

From the toolkit: `HostOriginPolicy`. Step 1 listened on loopback. This also checks `Host` and
`Origin` of every request, so a foreign web page gets no response.

Still suffers: two readings of one message. `{"method": "a", "method": "b"}` is "a" to one parser
and "b" to another, and nothing compares the headers with the body. A proxy that decides by one, in
front of a server that acts on the other, protects nothing. Step 3 prevents this.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from doorward.errors import RequestRefused
from doorward.wire.host_origin import LOCALHOST, HostOriginPolicy
from mcp_http.stage import run

MODERN, LEGACY = "2026-07-28", ("2025-11-25", "2025-06-18", "2025-03-26")
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
SERVER = {"name": "mcp-step-by-step", "version": "2.0"}


class Message(NamedTuple):
    """One request or, without an id, one notification; `modern` is the era of 2026-07-28."""

    method: str
    id: str | int | None
    params: dict[str, Any]
    modern: bool


class NotAMessage(Exception):
    """The body is no message that can be served; `code` is JSON-RPC's or MCP's number for why."""

    def __init__(self, code: int, text: str, **data: Any) -> None:
        super().__init__(text)
        self.error = {"code": code, "message": text, **({"data": data} if data else {})}


# The idea of this step: what a body must be before the server acts on it.
def read_message(body: bytes, headers: Mapping[str, str]) -> Message:
    """Return the one message in `body`, or raise `NotAMessage`."""
    try:
        said = json.loads(body)
    except ValueError:
        raise NotAMessage(-32700, "The body is not JSON.") from None
    if not isinstance(said, dict) or said.get("jsonrpc") != "2.0":
        raise NotAMessage(-32600, "The body must be a single JSON-RPC message.")
    method, asked, params = said.get("method"), said.get("id", 0), said.get("params", {})
    # By exact type: True is an int to Python, and null is what an answer without a question has.
    if type(method) is not str or type(asked) not in (str, int) or type(params) is not dict:
        raise NotAMessage(-32600, "method, id or params is of the wrong type.")
    meta = params.get("_meta", {})
    if type(meta) is not dict:
        raise NotAMessage(-32602, "params._meta is not an object.")
    if VERSION in meta:
        require_modern(meta, headers)
        if method in ("tools/call", "prompts/get") and "mcp-name" not in headers:
            raise NotAMessage(-32020, "The header Mcp-Name is missing.")
    return Message(method, said.get("id"), params, VERSION in meta)


def require_modern(meta: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Let a request of 2026-07-28 pass that says what it speaks, can do and asks for."""
    if not isinstance(meta.get(CAPABILITIES), dict):
        raise NotAMessage(-32602, f"params._meta lacks {CAPABILITIES}.")
    for header in ("MCP-Protocol-Version", "Mcp-Method"):
        if header.lower() not in headers:
            raise NotAMessage(-32020, f"The header {header} is missing.")
    if meta[VERSION] != MODERN:
        raise NotAMessage(-32022, "Unsupported protocol version", supported=[MODERN])


def answer(message: Message) -> dict[str, Any] | None:
    """Return the result of the request, or `None` when there is no such method."""
    if message.modern and message.method == "server/discover":
        about = {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": SERVER}}
        offer = {"supportedVersions": [MODERN], "capabilities": {}}
        return {**about, **offer, "ttlMs": 60_000, "cacheScope": "public"}
    if not message.modern and message.method == "initialize":
        wanted = message.params.get("protocolVersion")
        version = wanted if wanted in LEGACY else LEGACY[0]
        return {"protocolVersion": version, "capabilities": {}, "serverInfo": SERVER}
    return {} if not message.modern and message.method == "ping" else None


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 2: /mcp reads MCP requests."""
    host_check = HostOriginPolicy(LOCALHOST)

    def this_machine_alone(request: Request) -> None:
        host_check.admit(request.headers.raw)

    web = FastAPI(title="MCP step by step: 2", dependencies=[Depends(this_machine_alone)])

    @web.exception_handler(RequestRefused)
    async def refuse(request: Request, refusal: RequestRefused) -> Response:  # noqa: ARG001
        return JSONResponse({"error": refusal.description}, refusal.status)

    @web.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy", "step": "2", "address": address, "mcp": f"{address}/mcp"}

    @web.post("/mcp")
    @web.post("/mcp/", include_in_schema=False)
    async def mcp(request: Request) -> Response:
        try:
            message = read_message(await request.body(), request.headers)
        except NotAMessage as problem:
            return JSONResponse({"jsonrpc": "2.0", "error": problem.error}, 400)
        if message.id is None:
            return Response(status_code=202)
        result = answer(message)
        if result is not None:
            return JSONResponse({"jsonrpc": "2.0", "id": message.id, "result": result})
        error = {"code": -32601, "message": "Method not found"}
        # The clients of the older era read 404 as "your session is over".
        status = 404 if message.modern else 200
        return JSONResponse({"jsonrpc": "2.0", "id": message.id, "error": error}, status)

    return web


def main() -> None:
    """Serve this step: `uv run step2`."""
    run(create_app)
