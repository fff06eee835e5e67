"""Callers of two issuers that have the same subject and the same client id never meet."""

# mypy: disable-error-code="untyped-decorator"

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from fastmcp.server.sessions import UserSession
from mcp.server.auth.middleware.auth_context import get_access_token

from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import CurrentUser, protect
from doorward.mcp_server import McpServer
from doorward.mcp_server.features.tasks import EXTENSION
from doorward.policy import Policy, Rule
from tests.integrations.conftest import Library
from tests.integrations.guarded_server import ACCEPT, HELLO, META, GuardedServer
from tests.integrations.test_tools_and_lists import REVISIONS, result_of
from tests.ledger import proves
from tests.net.http_server import TRUSTS_NOBODY

A, B = "https://a.example", "https://b.example"
TASKS: dict[str, Any] = {
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {EXTENSION: {}}},
}


@asynccontextmanager
async def alices(guarded_server: GuardedServer) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Yield an HTTP client of alice for each issuer of ``guarded_server``; all else is the same."""
    clients = [
        httpx2.AsyncClient(
            headers={"authorization": f"Bearer {mint.mint('alice', scopes={'mcp:read'})}"},
            timeout=20,
            verify=TRUSTS_NOBODY,
        )
        for mint in guarded_server.mints.values()
    ]
    try:
        yield clients
    finally:
        for client in clients:
            await client.aclose()


async def tool(
    guarded_server: GuardedServer, http: httpx2.AsyncClient, name: str, **arguments: Any
) -> Any:
    """Return what a tool answers."""
    answer = await guarded_server.modern(http, "tools/call", name=name, arguments=arguments)
    return result_of(answer)["result"]["content"][0]["text"]


@proves("S187", "accepts", "callers of two issuers")
@proves("S187", "refuses", "callers of two issuers")
async def test_the_same_subject_of_another_issuer_cannot_use_a_session(
    library: Library, shop: Any
) -> None:
    guarded_server = GuardedServer(issuers=(A, B))
    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard)),
        alices(guarded_server) as (mine, theirs),
    ):
        opened = await guarded_server.send(mine, "initialize", **HELLO)
        session = {
            "mcp-session-id": opened.headers["mcp-session-id"],
            "mcp-protocol-version": "2025-11-25",
        }
        told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await mine.post(guarded_server.resource, json=told, headers={**ACCEPT, **session})
        call: dict[str, Any] = {"name": "who", "arguments": {}}
        stolen = await guarded_server.send(theirs, "tools/call", headers=session, **call)
        own = await guarded_server.send(mine, "tools/call", headers=session, **call)

    assert stolen.status_code == 404
    assert result_of(own)["result"]["content"][0]["text"] == "alice alice"


@proves("S187", "accepts", "callers of two issuers")
@proves("S187", "refuses", "callers of two issuers")
async def test_the_same_subject_of_another_issuer_cannot_read_the_fastmcp_user_session() -> None:
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    @requires()
    async def keep(fact: str, session: UserSession) -> str:
        await session.set("fact", fact)
        return "kept"

    @server.tool
    @requires()
    async def kept(session: UserSession) -> str:
        return str(await session.get("fact", "nothing"))

    guarded_server = GuardedServer(issuers=(A, B))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        alices(guarded_server) as (mine, theirs),
    ):
        await tool(guarded_server, mine, "keep", fact="mine")
        seen = [await tool(guarded_server, one, "kept") for one in (mine, theirs)]

    assert seen == ["mine", "nothing"]


@REVISIONS
@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "sessions"])
@proves("S145", "refuses", "no result of another user")
@proves("S187", "refuses", "callers of two issuers")
async def test_a_chosen_session_id_does_not_expose_the_state_of_another_caller(
    revision: str, stateless: bool
) -> None:
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    @requires()
    async def keep(ctx: Context) -> str:
        await ctx.set_state("fact", "mine")
        return "kept"

    @server.tool
    @requires()
    async def kept(ctx: Context) -> str:
        return f"{await ctx.get_state('fact')}"

    guarded_server = GuardedServer(issuers=(A, B))
    app = protect(server, guarded_server.guard, stateless_http=stateless)
    async with guarded_server.serving(app), alices(guarded_server) as (mine, theirs):
        asked = []
        for http, name in ((mine, "keep"), (theirs, "kept")):
            http.headers["mcp-session-id"] = "chosen"
            call: dict[str, Any] = {"name": name, "arguments": {}}
            headers = {"mcp-protocol-version": "2025-11-25"}
            asked.append(
                await guarded_server.modern(http, "tools/call", **call)
                if revision == "modern"
                else await guarded_server.send(http, "tools/call", headers=headers, **call)
            )

    # An id that the server never gave out is refused where there are sessions.
    assert [one.status_code for one in asked] == (
        [404, 404] if revision == "legacy" and not stateless else [200, 200]
    )
    assert "mine" not in asked[1].text


@proves("S145", "accepts", "no result of another user")
@proves("S145", "refuses", "no result of another user")
@proves("S187", "accepts", "callers of two issuers")
@proves("S187", "refuses", "callers of two issuers")
async def test_the_fastmcp_response_cache_is_separate_for_each_caller() -> None:
    server: FastMCP[Any] = FastMCP("shop", middleware=[ResponseCachingMiddleware()])
    asked: list[str] = []

    @server.tool
    @requires()
    async def who(user: CurrentUser) -> str:
        asked.append(user.subject)
        return f"{user.subject} of {user.issuer}"

    guarded_server = GuardedServer(issuers=(A, B))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        alices(guarded_server) as (mine, theirs),
        guarded_server.http("bob") as bob,
    ):
        seen = [await tool(guarded_server, http, "who") for http in (mine, theirs, bob, mine)]

    assert seen == [f"alice of {A}", f"alice of {B}", f"bob of {A}", f"alice of {A}"]
    # The cache is of use to whoever filled it.
    assert asked == ["alice", "alice", "bob"]


@proves("S144", "accepts", "foreign tasks")
@proves("S144", "refuses", "foreign tasks")
@proves("S187", "refuses", "callers of two issuers")
async def test_the_same_subject_of_another_issuer_cannot_use_an_mcp_server_task() -> None:
    server = McpServer("working", version="1.0")

    @server.tool(task="required")
    async def work() -> str:
        return "done"

    guarded_server = GuardedServer(
        Policy(base=Rule(scopes={"mcp:read"}), unknown="base"), issuers=(A, B)
    )
    async with (
        guarded_server.serving(guarded_server.guard.protect(server.asgi)),
        alices(guarded_server) as (mine, theirs),
    ):
        begun = await guarded_server.modern(
            mine, "tools/call", name="work", arguments={}, meta=TASKS
        )
        task = result_of(begun)["result"]["taskId"]
        seen = [await task_of(guarded_server, http, task) for http in (mine, theirs)]

    assert "result" in seen[0]
    assert seen[1]["error"]["message"] == "Unknown task"


async def task_of(
    guarded_server: GuardedServer, http: httpx2.AsyncClient, task: str
) -> dict[str, Any]:
    """Return what is said of a task."""
    headers = {
        **ACCEPT,
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tasks/get",
        "mcp-name": task,
    }
    params = {"taskId": task, "_meta": {**META, **TASKS}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": params}
    return result_of(await http.post(guarded_server.resource, json=body, headers=headers))


@pytest.mark.parametrize(
    ("issuers", "client_id", "seen"),
    [
        pytest.param((A,), "web", "web", id="one-issuer"),
        pytest.param((A, B), "web", f"{A} web", id="two-issuers"),
        pytest.param((A,), "w|b", f"{A} w%7Cb", id="a-separator-in-the-client-id"),
        pytest.param((A,), f"{B} web", f"{A} {B}%20web", id="named-like-the-other-issuers"),
    ],
)
async def test_the_client_id_includes_the_issuer_when_there_are_several(
    library: Library, issuers: tuple[str, ...], client_id: str, seen: str
) -> None:
    server = library.new()

    @server.tool()
    @requires()
    async def client() -> str:
        """Say which client asks."""
        known = get_access_token()
        assert known is not None
        return known.client_id

    guarded_server = GuardedServer(issuers=issuers)
    bearer = guarded_server.mint.mint("alice", scopes={"mcp:read"}, client_id=client_id)
    async with (
        guarded_server.serving(library.protect(server, guarded_server.guard)),
        httpx2.AsyncClient(
            headers={"authorization": f"Bearer {bearer}"}, verify=TRUSTS_NOBODY
        ) as http,
    ):
        assert await tool(guarded_server, http, "client") == seen
