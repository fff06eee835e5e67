"""The forms in which people mount a guarded MCP server in an application: each works, or is told."""

# mypy: disable-error-code="untyped-decorator"

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import ListToolsResult, Tool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from structlog.testing import capture_logs

from doorward.identity import current_identity
from doorward.integrations import mcp_sdk as with_sdk
from doorward.integrations.declared_rules import requires
from doorward.mcp_server import McpServer
from doorward.policy import Policy, Rule
from tests.integrations.conftest import LIBRARIES, add_tools
from tests.integrations.guarded_server import BASE, GuardedServer
from tests.integrations.test_tools_and_lists import names, result_of

METADATA = "/.well-known/oauth-protected-resource"
MOUNTABLE = [LIBRARIES["official-sdk"], LIBRARIES["fastmcp"]]


@pytest.fixture(params=[FastAPI, Starlette])
def web(request: pytest.FixtureRequest) -> Any:
    """Return an application that has a health route of its own."""

    async def health(_: Request) -> PlainTextResponse:
        return PlainTextResponse("well")

    web = request.param()
    web.router.add_route("/health", health)
    return web


def inside(server: Any, path: str = "/mcp") -> Any:
    """Return the application that the server's own library makes of it."""
    if isinstance(server, FastMCP):
        return server.http_app(path=path)
    return server.streamable_http_app(streamable_http_path=path)


async def started(app: Any) -> dict[str, Any]:
    """Start ``app`` as uvicorn does, and return what it answers."""
    told: list[Any] = []

    async def receive() -> Any:
        if told:
            return {"type": "lifespan.shutdown"}
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        told.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    first: dict[str, Any] = told[0]
    return first


@pytest.mark.parametrize("library", MOUNTABLE, ids=lambda one: one.name)
async def test_a_server_mounted_at_the_root_starts_and_other_routes_stay_open(
    library: Any, web: Any
) -> None:
    guarded_server, server = GuardedServer(), library.new()
    add_tools(server, library.current_user)
    web.mount("/", library.protect(server, guarded_server.guard))

    async with (
        guarded_server.serving(web),
        guarded_server.http("alice") as alice,
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        together = await asyncio.gather(
            *(
                guarded_server.modern(alice, "tools/call", name="who", arguments={})
                for _ in range(5)
            )
        )
        in_session = await guarded_server.legacy(alice, "tools/call", name="who", arguments={})
        listed = await guarded_server.modern(alice, "tools/list")
        refused = await guarded_server.modern(alice, "tools/call", name="refund", arguments={})
        health, found = await nobody.get("/health"), await nobody.get(f"{METADATA}/mcp")
        challenged = await nobody.post("/mcp", json={})

    for called in (*together, in_session):
        assert result_of(called)["result"]["content"][0]["text"] == "alice alice"
    assert names(listed, "tools") == {"who", "who_in_a_thread", "greet"}
    assert (health.text, found.json()["resource"]) == ("well", guarded_server.resource)
    assert (refused.status_code, challenged.status_code) == (403, 401)


@pytest.mark.parametrize("prefix", ["", "/mcp"])
@pytest.mark.parametrize("library", MOUNTABLE, ids=lambda one: one.name)
async def test_a_server_mounted_in_the_given_application_starts_with_it(
    library: Any, web: Any, prefix: str
) -> None:
    guarded_server, server = GuardedServer(options={"open_paths": ["/health"]}), library.new()
    add_tools(server, library.current_user)
    web.mount(prefix or "/", inside(server, "/" if prefix else "/mcp"))
    app = library.protect(server, guarded_server.guard, app=web)

    async with (
        guarded_server.serving(app),
        guarded_server.http("alice") as alice,
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        health, docs = await nobody.get("/health"), await nobody.get("/docs")

    assert result_of(called)["result"]["content"][0]["text"] == "alice alice"
    assert (health.text, docs.status_code) == ("well", 404)


def as_middleware(web: Any, guard: Any) -> Any:
    """Return ``web`` with the guard as its middleware."""
    web.add_middleware(guard.protect)
    return web


def in_front(web: Any, guard: Any) -> Any:
    """Return the guard in front of ``web``."""
    return guard.protect(web)


@pytest.mark.parametrize("guarded", [as_middleware, in_front])
@pytest.mark.parametrize("prefix", ["", "/mcp"])
@pytest.mark.parametrize("library", MOUNTABLE, ids=lambda one: one.name)
async def test_a_guard_that_cannot_read_the_rules_of_a_server_fails_at_start_up(
    library: Any, web: Any, prefix: str, guarded: Callable[..., Any]
) -> None:
    guarded_server, server = GuardedServer(), library.new()
    web.mount(prefix or "/", inside(server, "/" if prefix else "/mcp"))

    answer = await started(guarded(web, guarded_server.guard))

    assert answer["type"] == "lifespan.startup.failed"
    assert "web.mount('/', protect(server, guard))" in answer["message"]
    assert library.protect.__module__.removesuffix(".protect") in answer["message"]


@pytest.mark.parametrize("prefix", ["", "/mcp"])
@pytest.mark.parametrize("guarded", [as_middleware, in_front])
async def test_a_guard_protects_a_mounted_mcp_server(
    web: Any, prefix: str, guarded: Callable[..., Any]
) -> None:
    server = McpServer("shop", version="1")

    @server.tool()
    async def who() -> str:
        caller = current_identity()
        return caller.subject if caller else "nobody"

    guarded_server = GuardedServer(
        Policy(base=BASE.base, rules=server.rules), options={"open_paths": ["/health"]}
    )
    web.mount(prefix, server.asgi)
    async with (
        guarded_server.serving(guarded(web, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        health = await nobody.get("/health")

    assert result_of(called)["result"]["content"][0]["text"] == "alice"
    assert health.text == "well"


async def test_a_guard_without_a_lifespan_refuses_requests_and_audits_the_reason() -> None:
    guarded_server, server = GuardedServer(), MCPServer("shop")
    add_tools(server, with_sdk.CurrentUser)
    web = FastAPI()
    web.mount("/", guarded_server.guard.protect(inside(server)))

    async with guarded_server.serving(web), guarded_server.http("alice") as alice:
        answer = await guarded_server.modern(alice, "tools/list")

    assert (answer.status_code, result_of(answer)["error"]["data"]["reason"]) == (503, "not-ready")
    assert [(event.reason, event.status) for event in guarded_server.events] == [("not-ready", 503)]
    assert "protect(server, guard)" in guarded_server.events[0].detail
    assert "protect" not in answer.text


@pytest.mark.parametrize("library", MOUNTABLE, ids=lambda one: one.name)
async def test_a_guard_mounted_at_its_endpoint_logs_one_warning_with_a_hint(
    library: Any, web: Any
) -> None:
    guarded_server, server = GuardedServer(), library.new()
    web.mount("/mcp", library.protect(server, guarded_server.guard))

    with capture_logs() as logged:
        async with (
            guarded_server.serving(web),
            httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
        ):
            redirected = await nobody.post("/mcp", json={})
            answers = [await nobody.post("/mcp/", json={}) for _ in range(2)]
            found = await nobody.get(f"{METADATA}/mcp")

    assert redirected.status_code == 307
    assert [answer.status_code for answer in answers] == [401, 401]
    assert found.status_code == 404
    (warning,) = logged
    assert (warning["event"], warning["log_level"]) == ("mounted-at-endpoint", "warning")
    assert "/mcp/" in warning["problem"]
    assert "web.mount('/', protect(server, guard))" in warning["hint"]


@pytest.mark.parametrize(
    ("prefix", "root_path"),
    [
        pytest.param("/", "", id="at-the-root"),
        pytest.param("/orders", "", id="above-the-endpoint"),
        pytest.param(None, "/orders/mcp", id="behind-a-proxy-that-strips-it"),
    ],
)
async def test_a_guard_reached_without_a_redirect_logs_no_warning(
    prefix: str | None, root_path: str
) -> None:
    guarded_server, server = GuardedServer(path="/orders/mcp"), MCPServer("shop")
    app: Any = with_sdk.protect(server, guarded_server.guard)
    if prefix is not None:
        app = Starlette(routes=[Mount(prefix, app)])

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        # As `uvicorn --root-path` tells it.
        await app({**scope, "root_path": root_path}, receive, send)

    with capture_logs() as logged:
        async with (
            guarded_server.serving(behind),
            httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
        ):
            answer = await nobody.post("/orders/mcp", json={})

    assert (answer.status_code, logged) == (401, [])


async def test_a_server_that_cannot_start_is_audited_as_not_ready() -> None:
    @asynccontextmanager
    async def broken(_: Any) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    guarded_server = GuardedServer()
    server = MCPServer("shop", lifespan=broken)
    add_tools(server, with_sdk.CurrentUser)
    web = FastAPI()
    web.mount("/", with_sdk.protect(server, guarded_server.guard))

    async with guarded_server.serving(web), guarded_server.http("alice") as alice:
        first = await guarded_server.modern(alice, "tools/list")
        second = await guarded_server.modern(alice, "tools/list")

    assert (first.status_code, second.status_code) == (503, 503)
    assert {event.reason for event in guarded_server.events} == {"not-ready"}
    assert "no database" in guarded_server.events[0].detail
    assert "no database" not in first.text


async def test_the_lifespan_of_a_server_does_not_run_as_the_first_caller() -> None:
    seen: list[Any] = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        seen.append(current_identity())
        yield
        seen.append("over")

    guarded_server = GuardedServer()
    server = MCPServer("shop", lifespan=lifespan)
    add_tools(server, with_sdk.CurrentUser)
    app = with_sdk.protect(server, guarded_server.guard)
    async with (
        guarded_server.serving(Starlette(routes=[Mount("/", app)])),
        guarded_server.http("alice") as alice,
    ):
        await guarded_server.modern(alice, "tools/list")
        others = [task for task in asyncio.all_tasks() if "ServerLifespan" in repr(task)]

    # As a server's event loop does when it closes.
    for task in others:
        task.cancel()
    await asyncio.gather(*others)

    assert seen == [None, "over"]


async def test_a_request_without_a_token_does_not_start_the_server() -> None:
    guarded_server, server = GuardedServer(), MCPServer("shop")
    app = with_sdk.protect(server, guarded_server.guard)
    web = Starlette(routes=[Mount("/", app)])
    async with (
        guarded_server.serving(web),
        httpx2.AsyncClient(base_url=guarded_server.base) as nobody,
    ):
        answer = await nobody.post("/mcp", json={})
        assert server.session_manager._task_group is None

    assert answer.status_code == 401


async def test_a_guard_refuses_to_start_when_another_server_has_its_path() -> None:
    guarded_server, ours, theirs = GuardedServer(), MCPServer("ours"), MCPServer("theirs")
    web = FastAPI()
    web.mount("/ours", inside(ours))
    web.mount("/", inside(theirs))

    answer = await started(with_sdk.protect(ours, guarded_server.guard, app=web))

    assert answer["type"] == "lifespan.startup.failed"
    assert "does not serve this MCP server at '/mcp'" in answer["message"]


async def test_a_second_mount_of_a_guarded_server_is_refused() -> None:
    guarded_server = GuardedServer(options={"serve_other_paths": True})
    server = MCPServer("shop")
    add_tools(server, with_sdk.CurrentUser)
    web = FastAPI()
    inner = inside(server)
    web.mount("/second", inner)
    web.mount("/", inner)
    app = with_sdk.protect(server, guarded_server.guard, app=web)

    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        guarded_server.resource = f"{guarded_server.base}/second/mcp"
        around = await guarded_server.modern(alice, "tools/call", name="who", arguments={})

    assert result_of(called)["result"]["content"][0]["text"] == "alice alice"
    assert "through its guard alone" in result_of(around)["error"]["message"]


@pytest.mark.parametrize("mounted", [False, True])
async def test_a_guarded_mcp_server_is_reached_only_through_its_guard(mounted: bool) -> None:
    server = McpServer("shop", version="1")

    @server.tool()
    async def who() -> str:
        caller = current_identity()
        return caller.subject if caller else "nobody"

    policy = Policy(base=BASE.base, rules=server.rules)
    guarded_server = GuardedServer(policy, options={"serve_other_paths": True})
    web = FastAPI()
    web.mount("/second", server.asgi)
    if mounted:
        web.mount("/mcp", server.asgi)
    app = guarded_server.guard.protect(web if mounted else server.in_front_of(web))

    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        guarded_server.resource = f"{guarded_server.base}/second/mcp"
        around = await guarded_server.modern(alice, "tools/call", name="who", arguments={})

    assert result_of(called)["result"]["content"][0]["text"] == "alice"
    assert around.status_code == 401


async def test_a_manual_session_manager_must_be_run_by_its_author() -> None:
    async def tools(ctx: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="a", input_schema={"type": "object"})])

    policy = Policy(base=BASE.base, rules={("tools/call", "a"): Rule(scopes={"shop:a"})})
    guarded_server = GuardedServer(policy)

    def made(*, runs: bool) -> Any:
        manager = StreamableHTTPSessionManager(app=Server[Any]("low", on_list_tools=tools))

        @asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            async with manager.run():
                yield

        web = Starlette(
            routes=[Mount("/mcp", app=manager.handle_request)], lifespan=lifespan if runs else None
        )
        return with_sdk.protect(manager.app, guarded_server.guard, app=web)

    async with guarded_server.serving(made(runs=True)), guarded_server.http("alice") as alice:
        listed = await guarded_server.modern(alice, "tools/list")
    answer = await started(made(runs=False))

    assert names(listed, "tools") == set()
    assert answer["type"] == "lifespan.startup.failed"
    assert "manager.run()" in answer["message"]


async def test_several_guarded_servers_in_one_application_have_their_own_metadata() -> None:
    web = FastAPI()
    guarded_servers = {}
    for name in ("orders", "billing"):
        guarded_server = guarded_servers[name] = GuardedServer(path=f"/{name}/mcp")
        library = LIBRARIES["fastmcp" if name == "billing" else "official-sdk"]
        server = library.new()
        server.tool(name=name)(requires()(_subject))
        app = library.protect(server, guarded_server.guard)
        web.mount(f"/{name}", app)
        web.mount(f"{METADATA}/{name}", app)
    orders, billing = guarded_servers["orders"], guarded_servers["billing"]

    async with (
        orders.serving(web),
        orders.http("alice") as alice,
        billing.http("alice") as other,
        httpx2.AsyncClient(base_url=orders.base) as nobody,
    ):
        billing.resource = f"{orders.base}/billing/mcp"
        host = {"host": f"localhost:{billing.port}"}
        other.headers.update(host)
        called = await orders.modern(alice, "tools/call", name="orders", arguments={})
        theirs = await billing.modern(other, "tools/call", name="billing", arguments={})
        found = await nobody.get(f"{METADATA}/orders/mcp")
        found_too = await nobody.get(f"{METADATA}/billing/mcp", headers=host)
        other.headers.update({"authorization": alice.headers["authorization"]})
        crossed = await billing.modern(other, "tools/call", name="billing", arguments={})

    assert result_of(called)["result"]["content"][0]["text"] == "alice"
    assert result_of(theirs)["result"]["content"][0]["text"] == "alice"
    assert found.json()["resource"] == orders.guard.resource
    assert found_too.json()["resource"] == billing.guard.resource
    assert crossed.status_code == 401


async def _subject() -> str:
    caller = current_identity()
    return caller.subject if caller else "nobody"
