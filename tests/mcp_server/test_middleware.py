"""``in_front_of``: the endpoint has two paths, the application all others."""

from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException

from doorward.errors import ConfigurationError
from doorward.mcp_server import McpServer
from doorward.mcp_server.http.middleware import McpMiddleware
from tests.mcp_server.rpc_client import META, MODERN

HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
BODY = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}


def server() -> McpServer:
    made = McpServer("test", version="1")
    made.tool(name="hello")(lambda: "hello")
    return made


async def post(app: Any, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return await http.post(path, json=BODY, headers=HEADERS)


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_the_endpoint_answers_with_and_without_a_trailing_slash(path: str) -> None:
    answer = await post(server().in_front_of(FastAPI()), path)

    assert answer.json()["result"]["tools"][0]["name"] == "hello"


@pytest.mark.parametrize("path", ["/", "/other", "/mcp/below", "/mcpx", "/MCP"])
async def test_every_other_path_is_passed_to_the_application(path: str) -> None:
    web = FastAPI()

    @web.post("/{rest:path}")
    async def rest(rest: str) -> str:
        return f"the application has /{rest}"

    answer = await post(server().in_front_of(web), path)

    assert answer.json() == f"the application has {path}"


async def test_a_call_does_not_run_dependencies_of_the_application() -> None:
    async def refuse() -> None:
        raise HTTPException(401)

    web = FastAPI(dependencies=[Depends(refuse)])

    assert (await post(server().in_front_of(web), "/mcp")).status_code == 200


@pytest.mark.parametrize("path", ["/sub/mcp", "/sub/mcp/"])
async def test_the_path_is_relative_to_the_mount(path: str) -> None:
    app = FastAPI()
    app.mount("/sub", server().in_front_of(FastAPI()))

    assert (await post(app, path)).status_code == 200


async def test_the_root_can_be_the_path() -> None:
    assert (await post(server().in_front_of(FastAPI(), "/"), "/")).status_code == 200


async def test_lifespan_and_websocket_are_passed_to_the_application() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    front = server().in_front_of(app)
    for kind in ("lifespan", "websocket"):
        await front({"type": kind, "path": "/mcp"}, None, None)  # type: ignore[arg-type]

    assert seen == ["lifespan", "websocket"]


async def test_the_server_is_closed_before_the_application_shuts_down() -> None:
    seen: list[str] = []
    comes = iter(["lifespan.startup", "lifespan.shutdown"])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            seen.append((await receive())["type"])

    async def receive() -> dict[str, Any]:
        return {"type": next(comes)}

    front = McpMiddleware(server().asgi, app, "/mcp", lambda: seen.append("closed"))
    await front({"type": "lifespan"}, receive, None)  # type: ignore[arg-type]

    assert seen == ["lifespan.startup", "closed", "lifespan.shutdown"]


@pytest.mark.parametrize("path", ["mcp", "", "/{tenant}/mcp"])
def test_an_invalid_path_is_refused_at_start_up(path: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        server().in_front_of(FastAPI(), path)

    assert refusal.value.reason == "unusable-path"
