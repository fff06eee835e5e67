"""The guard in front of servers that do not know it."""

from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from doorward.identity import Identity, current_identity
from doorward.integrations.mcp_sdk import protect
from tests.guard.bench import (
    MINT,
    Bench,
    bearer,
    challenge,
    message,
    modern,
    routing,
    token,
    trusted,
)

LOCAL = "http://localhost:9000/mcp"
ACCEPT = {"accept": "application/json, text/event-stream"}


def local_token(*scopes: str) -> dict[str, str]:
    """Return a token for the server on this machine."""
    return bearer(MINT.mint("alice", scopes=scopes, audience=LOCAL))


async def test_an_official_sdk_server_is_guarded_in_modern_and_legacy_revisions() -> None:
    server = MCPServer("theirs")

    @server.tool()
    async def who(greeting: str) -> str:
        caller = current_identity()
        return f"{greeting} {caller.subject if caller else 'nobody'}"

    bench = Bench(resource=LOCAL, issuers=[trusted(audience=LOCAL)])
    bench.guarded = protect(server, bench.guard, stateless_http=True, json_response=True)
    call: dict[str, Any] = {"name": "who", "arguments": {"greeting": "hi"}}
    everything = local_token("mcp:read", "mcp:tools")

    async with server.session_manager.run():
        new = {**ACCEPT, **routing("tools/call", "who")}
        for path in ("/mcp", "/mcp/"):
            body = modern("tools/call", **call)
            served = await bench.ask(path=path, json=body, headers={**everything, **new})
            narrow = await bench.ask(
                path=path, json=body, headers={**local_token("mcp:read"), **new}
            )
            refused = await bench.ask(path=path, json=body, headers=new)
            assert served.json()["result"]["content"][0]["text"] == "hi alice"
            assert (narrow.status_code, refused.status_code) == (403, 401)
        hello = message(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "c", "version": "1"},
        )
        old = await bench.ask(json=hello, headers={**everything, **ACCEPT})
        assert old.json()["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("path", ["/api/mcp", "/api/mcp/"])
async def test_a_mounted_application_serves_its_metadata_without_redirects(
    path: str,
) -> None:
    def answer(request: Request) -> JSONResponse:
        caller: Identity = request.scope["doorward.identity"]
        return JSONResponse({"subject": caller.subject})

    inner = Starlette(routes=[Route("/mcp", answer, methods=["POST"])])
    bench = Bench(resource="https://mcp.example/api/mcp", issuers=[trusted()])
    bench.guarded = bench.guard.protect(Starlette(routes=[Mount("/api", inner)]))

    served = await bench.ask(path=path, json=message("ping"), headers=bearer(token("mcp:read")))
    refused = await bench.ask(path=path, json=message("ping"))
    named = challenge(refused).split('resource_metadata="')[1].split('"')[0]

    assert served.json() == {"subject": "alice"}
    assert named == "https://mcp.example/.well-known/oauth-protected-resource/api/mcp"
    assert (await bench.ask("GET", named)).json()["resource"] == "https://mcp.example/api/mcp"


async def test_a_fastapi_application_keeps_its_routes_and_lifespan() -> None:
    story: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        story.append("up")
        yield
        story.append("down")

    web = FastAPI(lifespan=lifespan)

    @web.get("/health")
    async def health() -> str:
        return "well"

    @web.post("/mcp")
    async def mcp(request: Request) -> dict[str, str]:
        return {"subject": request.scope["doorward.identity"].subject}

    bench = Bench(serve_other_paths=True)
    bench.guarded = bench.guard.protect(web)
    coming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    told: list[str] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(part: Any) -> None:
        told.append(part["type"])

    await bench.guarded({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)
    health_answer = await bench.ask("GET", "/health", headers={"host": "10.0.0.1"})
    answer = await bench.ask(json=message("ping"), headers=bearer(token("mcp:read")))

    assert story == ["up", "down"]
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert health_answer.json() == "well"
    assert answer.json() == {"subject": "alice"}
    assert (await bench.ask("GET", "/nowhere")).status_code == 404
