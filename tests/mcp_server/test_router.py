"""The endpoint inside a FastAPI application: both paths, no redirect, any prefix."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware

from doorward.errors import ConfigurationError
from doorward.mcp_server import McpServer
from doorward.mcp_server.streams.subscriptions import Subscription
from tests.mcp_server.rpc_client import META, MODERN

HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
BODY = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}


def server() -> McpServer:
    made = McpServer("test", version="1")
    made.tool(name="hello")(lambda: "hello")
    return made


async def status(app: FastAPI, path: str, verb: str = "POST") -> int:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        response = await http.request(verb, path, json=BODY, headers=HEADERS)
    if response.status_code == 200 and verb == "POST":
        assert response.json()["result"]["tools"][0]["name"] == "hello"
    return response.status_code


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_the_path_is_served_with_and_without_a_trailing_slash(path: str) -> None:
    app = FastAPI()
    app.include_router(server().router())

    assert await status(app, path) == 200
    assert await status(app, path, "GET") == 405
    assert await status(app, path, "DELETE") == 405


@pytest.mark.parametrize("path", ["/api/v1/mcp", "/api/v1/mcp/"])
async def test_the_path_is_served_under_prefixes(path: str) -> None:
    app, api = FastAPI(), APIRouter(prefix="/v1")
    api.include_router(server().router())
    app.include_router(api, prefix="/api")

    assert await status(app, path) == 200


async def test_the_path_is_served_in_a_mounted_application() -> None:
    app, inner = FastAPI(), FastAPI()
    inner.include_router(server().router("/tools"))
    app.mount("/sub", inner)

    assert await status(app, "/sub/tools") == 200
    assert await status(app, "/sub/tools/") == 200


async def test_the_root_can_be_the_path() -> None:
    app = FastAPI()
    app.include_router(server().router("/"))

    assert await status(app, "/") == 200


async def test_a_configured_path_may_have_a_trailing_slash() -> None:
    app = FastAPI()
    app.include_router(server().router("/mcp/"))

    assert await status(app, "/mcp") == 200
    assert await status(app, "/mcp/") == 200


async def test_other_routes_of_the_application_are_unchanged() -> None:
    app = FastAPI()

    @app.get("/mcp/health")
    async def health() -> dict[str, bool]:
        return {"up": True}

    app.include_router(server().router())

    assert await status(app, "/mcp/health", "GET") == 200
    assert await status(app, "/mcp/other") == 404
    assert await status(app, "/other") == 404


async def test_the_endpoint_works_inside_middleware() -> None:
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.include_router(server().router())

    assert await status(app, "/mcp") == 200


@pytest.mark.parametrize("where", ["application", "inclusion", "router"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_dependencies_of_the_application_apply_to_the_endpoint(where: str, path: str) -> None:
    async def refuse() -> None:
        raise HTTPException(401)

    lock = [Depends(refuse)]
    outer = APIRouter(dependencies=lock if where == "router" else [])
    outer.include_router(server().router(), dependencies=lock if where == "inclusion" else [])
    app = FastAPI(dependencies=lock if where == "application" else [])
    app.include_router(outer)

    assert await status(app, path) == 401


async def test_a_dependency_that_does_not_raise_lets_the_request_pass() -> None:
    async def nothing() -> None: ...

    app = FastAPI(dependencies=[Depends(nothing)])
    app.include_router(server().router())

    assert await status(app, "/mcp") == 200


async def test_the_endpoint_is_not_in_the_applications_openapi() -> None:
    app = FastAPI()
    app.include_router(server().router())

    assert app.openapi()["paths"] == {}


async def test_two_servers_share_an_application() -> None:
    app, other = FastAPI(), server()
    app.include_router(server().router("/a"))
    app.include_router(other.router("/b"))

    assert await status(app, "/a") == 200
    assert await status(app, "/b") == 200


@pytest.mark.parametrize("path", ["mcp", "", "/{tenant}/mcp"])
def test_an_invalid_path_is_refused_at_start_up(path: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        server().router(path)

    assert refusal.value.reason == "unusable-path"


async def test_subscriptions_end_with_the_lifespan_of_the_application() -> None:
    made, seen = McpServer("test", version="1", subscriptions=True), list[str]()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        seen.append("began")
        yield
        seen.append("ended")

    app = FastAPI(lifespan=life)
    app.include_router(made.router())
    listening = Subscription([])
    made.asgi.state.subscriptions.add(listening)
    async with app.router.lifespan_context(app):
        assert not listening.ended

    assert listening.ended
    assert seen == ["began", "ended"]
