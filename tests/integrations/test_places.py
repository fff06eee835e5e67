"""Where a protected server may stand: alone, under a prefix, under another name, as FastMCP runs it."""

# mypy: disable-error-code="untyped-decorator"

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from doorward.errors import ConfigurationError
from doorward.guard.middleware import GuardMiddleware
from doorward.identity import current_identity
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import GuardAuth
from doorward.policy import Policy, Rule
from tests.integrations.conftest import Library, add_tools
from tests.integrations.guarded_server import GuardedServer
from tests.integrations.test_tools_and_lists import names, result_of
from tests.net.http_server import listening

METADATA = "/.well-known/oauth-protected-resource"


async def test_the_operators_policy_applies_to_calls_and_lists_of_a_low_level_server() -> None:
    async def tools(ctx: Any, params: Any) -> ListToolsResult:
        empty: dict[str, Any] = {"type": "object"}
        return ListToolsResult(tools=[Tool(name=one, input_schema=empty) for one in ("a", "b")])

    async def call(ctx: Any, params: Any) -> CallToolResult:
        caller = current_identity()
        assert caller is not None
        return CallToolResult(content=[TextContent(type="text", text=caller.subject)])

    rules = {("tools/call", "a"): Rule(), ("tools/call", "b"): Rule(scopes={"shop:b"})}
    guarded_server = GuardedServer(Policy(base=Rule(scopes={"mcp:read"}), rules=rules))
    server: Server[Any] = Server("low", on_list_tools=tools, on_call_tool=call)
    app = with_sdk.protect(server, guarded_server.guard)

    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        for ask in (guarded_server.modern, guarded_server.legacy):
            called = await ask(alice, "tools/call", name="a", arguments={})
            refused = await ask(alice, "tools/call", name="b", arguments={})
            listed = await ask(alice, "tools/list")
            assert result_of(called)["result"]["content"][0]["text"] == "alice"
            assert refused.status_code == 403
            assert names(listed, "tools") == {"a"}


def mounted(library: Library, shop: Any, guarded_server: GuardedServer) -> Any:
    """Return an application that has the shop under /api, protected."""
    if library.name == "official-sdk":
        inner = shop.streamable_http_app()

        @asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            async with shop.session_manager.run():
                yield

        web = FastAPI(lifespan=lifespan)
        web.mount("/api", inner)
        return with_sdk.protect(shop, guarded_server.guard, app=web)
    if library.name == "fastmcp":
        inner = shop.http_app(path="/mcp", host_origin_protection=False)
        web = FastAPI(lifespan=inner.lifespan)
        web.mount("/api", inner)
        return with_fastmcp.protect(shop, guarded_server.guard, app=web)
    shop.auth = GuardAuth(guarded_server.guard)
    inner = shop.http_app(path="/mcp")
    routes = [*shop.auth.get_well_known_routes(), Mount("/api", inner)]
    return Starlette(routes=routes, lifespan=inner.lifespan)


@pytest.mark.parametrize("path", ["/api/mcp", "/api/mcp/"])
async def test_a_server_mounted_under_a_prefix_has_its_metadata_at_the_root(
    library: Library, shop: Any, path: str
) -> None:
    guarded_server = GuardedServer(path="/api/mcp")
    app = mounted(library, shop, guarded_server)
    async with (
        guarded_server.serving(app),
        guarded_server.http("alice") as alice,
        httpx2.AsyncClient() as nobody,
    ):
        if library.name != "fastmcp-auth":
            # Starlette redirects the slash before it comes to what is mounted.
            guarded_server.resource = guarded_server.base + path
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        refused = await guarded_server.modern(alice, "tools/call", name="refund", arguments={})
        challenged = await nobody.post(guarded_server.resource, json={})
        named = challenged.headers["www-authenticate"].split('resource_metadata="')[1].split('"')[0]
        found = await nobody.get(named)

    assert result_of(called)["result"]["content"][0]["text"] == "alice alice"
    assert (refused.status_code, challenged.status_code) == (403, 401)
    assert named == f"{guarded_server.base}{METADATA}/api/mcp"
    assert found.json()["resource"] == f"{guarded_server.base}/api/mcp"


async def test_an_application_can_mount_the_protected_server() -> None:
    guarded_server = GuardedServer(path="/api/mcp")
    server = MCPServer("shop")
    add_tools(server, with_sdk.CurrentUser)
    door = with_sdk.protect(server, guarded_server.guard)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with server.session_manager.run():
            yield

    web = FastAPI(lifespan=lifespan)
    web.mount("/api", door)
    async with guarded_server.serving(web), guarded_server.http("alice") as alice:
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})

    assert result_of(called)["result"]["content"][0]["text"] == "alice alice"


async def test_only_the_hosts_and_origins_of_the_guard_are_allowed(
    library: Library, shop: Any
) -> None:
    options = {"allowed_hosts": ["shop.internal"], "allowed_origins": ["https://app.example"]}
    guarded_server = GuardedServer(options=options)
    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        call: dict[str, Any] = {"name": "who", "arguments": {}}
        alice.headers.update({"host": "shop.internal", "origin": "https://app.example"})
        ours = await guarded_server.modern(alice, "tools/call", **call)
        alice.headers.update({"host": "evil.example"})
        strange_host = await guarded_server.modern(alice, "tools/call", **call)
        alice.headers.update({"host": "shop.internal", "origin": "https://evil.example"})
        strange_origin = await guarded_server.modern(alice, "tools/call", **call)

    assert ours.status_code == 200
    assert ours.headers["access-control-allow-origin"] == "https://app.example"
    assert (strange_host.status_code, strange_origin.status_code) == (421, 403)
    assert result_of(strange_host)["error"]["data"]["reason"] == "host-refused"
    assert result_of(strange_origin)["error"]["data"]["reason"] == "origin-refused"


async def test_as_an_auth_provider_the_guard_is_the_outermost_middleware(
    guarded_server: GuardedServer,
) -> None:
    server: FastMCP[Any] = FastMCP("shop", auth=GuardAuth(guarded_server.guard))
    app = server.http_app()
    async with (
        guarded_server.serving(app),
        httpx2.AsyncClient(base_url=guarded_server.base) as http,
    ):
        assert isinstance(app.middleware_stack, GuardMiddleware)
        metadata = await http.get(f"{METADATA}/mcp")
        stranger = await http.post("/mcp", headers={"host": "evil.example"}, json={})

    assert metadata.json()["resource"] == guarded_server.resource
    assert stranger.json()["error"]["data"]["reason"] == "host-refused"


async def test_the_fastmcp_run_method_serves_behind_the_guard(
    guarded_server: GuardedServer,
) -> None:
    import asyncio

    server: FastMCP[Any] = FastMCP("shop", auth=GuardAuth(guarded_server.guard))

    @server.tool
    @requires()
    async def who() -> str:
        """Say who asks."""
        caller = current_identity()
        return caller.subject if caller else "nobody"

    listener = listening(guarded_server.port)
    running = asyncio.create_task(
        server.run_http_async(
            show_banner=False, sockets=[listener], uvicorn_config={"log_config": None}
        )
    )
    try:
        async with guarded_server.http("alice") as alice, httpx2.AsyncClient() as nobody:
            called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
            refused = await nobody.post(guarded_server.resource, json={})
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        listener.close()

    assert result_of(called)["result"]["content"][0]["text"] == "alice"
    assert refused.status_code == 401


def test_an_auth_provider_with_another_path_is_refused(guarded_server: GuardedServer) -> None:
    server: FastMCP[Any] = FastMCP("shop", auth=GuardAuth(guarded_server.guard))

    with pytest.raises(ConfigurationError) as refused:
        server.http_app(path="/tools")

    assert refused.value.reason == "another-path"
    assert "'/mcp'" in refused.value.hint


def test_a_server_that_is_not_mounted_is_refused(guarded_server: GuardedServer) -> None:
    with pytest.raises(ConfigurationError) as refused:
        with_sdk.protect(MCPServer("shop"), guarded_server.guard, app=FastAPI())

    assert refused.value.reason == "not-mounted"


async def test_a_custom_route_is_open_only_when_the_guard_allows_its_path(
    library: Library, shop: Any
) -> None:
    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("well")

    for path in ("/health", "/secret"):
        shop.custom_route(path, methods=["GET"])(health)
    guarded_server = GuardedServer(options={"open_paths": ["/health"]})
    app = library.protect(shop, guarded_server.guard)
    async with (
        guarded_server.serving(app),
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        well = await nobody.get("/health")
        refused = await nobody.get("/secret")

    assert well.text == "well"
    assert refused.status_code == 404
