"""FastAPI's ``Depends`` in a tool."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Body, Depends, FastAPI, Header, HTTPException, Query, Request
from starlette.requests import Request as StarletteRequest

from doorward.errors import ConfigurationError
from doorward.identity import Identity, current_identity
from doorward.mcp_server import McpServer
from tests.ledger import proves
from tests.mcp_server.rpc_client import RpcClient, person, rpc_client

LOG: list[str] = []


async def database() -> AsyncIterator[str]:
    LOG.append("open")
    yield "db"
    LOG.append("closed")


def trace(request: Request, traceparent: Annotated[str, Header()] = "none") -> str:
    return f"{request.method} {traceparent}"


def settings(db: Annotated[str, Depends(database)], page: Annotated[int, Query()] = 1) -> str:
    return f"settings of {db} {page}"


Settings = Annotated[str, Depends(settings)]


def server() -> McpServer:
    made = McpServer("test", version="1.0")

    @made.tool()
    async def show(
        city: str, cfg: Settings, db: Annotated[str, Depends(database)], by: str = Depends(trace)
    ) -> str:
        LOG.append("run")
        return f"{city} {cfg} {db} {by}"

    @made.tool()
    def in_a_thread(cfg: Settings, user: Identity) -> str:
        return f"{cfg} {user.subject}"

    return made


async def test_the_dependencies_of_a_tool_are_opened_shared_and_closed() -> None:
    LOG.clear()
    async with rpc_client(server(), identity=person("alice")) as peer:
        answer = await peer.call("show", {"traceparent": "t1"}, city="Graz")
        threaded = await peer.call("in_a_thread")

    assert answer.content_text == "Graz settings of db 1 db POST t1"
    assert LOG[:3] == ["open", "run", "closed"]
    assert threaded.content_text == "settings of db 1 alice"


@proves("S146", "refuses", "user from the token alone")
@pytest.mark.parametrize("name", ["cfg", "db", "by"])
async def test_a_client_cannot_set_a_dependency_by_an_argument(name: str) -> None:
    async with rpc_client(server()) as peer:
        tools = (await peer.ask("tools/list")).result["tools"]
        answer = await peer.call("show", city="Graz", **{name: "evil"})

    assert list(tools[0]["inputSchema"]["properties"]) == ["city"]
    assert answer.result["isError"] is True


async def test_an_application_can_override_the_dependencies_of_its_tools() -> None:
    app = FastAPI()
    app.include_router(server().router("/mcp"))
    app.dependency_overrides[settings] = lambda: "overridden"
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await RpcClient(http).call("show", city="Graz")

    assert answer.content_text == "Graz overridden db POST none"


def forbidden() -> None:
    raise HTTPException(403, "Not today.")


def broken() -> None:
    raise HTTPException(500, "secret")


def reads_header(x_needed: Annotated[str, Header()]) -> str:
    return x_needed


@pytest.mark.parametrize(
    ("dependency", "said"), [(forbidden, "Not today."), (broken, "It failed.")]
)
async def test_a_dependency_that_raises_is_a_tool_error(dependency: Any, said: str) -> None:
    made = McpServer("test", version="1.0")

    @made.tool()
    async def act(needed: Annotated[None, Depends(dependency)]) -> str:
        return "acted"

    async with rpc_client(made) as peer:
        answer = await peer.call("act")

    assert answer.result["isError"] is True
    assert answer.content_text.startswith(said)
    assert "secret" not in answer.text


async def test_a_missing_header_of_a_dependency_is_an_internal_error() -> None:
    made = McpServer("test", version="1.0")

    @made.tool()
    async def act(needed: Annotated[str, Depends(reads_header)]) -> str:
        return needed

    async with rpc_client(made) as peer:
        lacking = await peer.call("act")
        there = await peer.call("act", {"x-needed": "here"})

    assert lacking.error["code"] == -32603
    assert there.content_text == "here"


def reads_body(payload: Annotated[dict[str, str], Body()]) -> str:
    return str(payload)


def reads_body_below(below: Annotated[str, Depends(reads_body)]) -> str:
    return below


@pytest.mark.parametrize("dependency", [reads_body, reads_body_below])
def test_a_dependency_that_reads_the_body_is_refused_at_start_up(dependency: Any) -> None:
    made = McpServer("test", version="1.0")

    async def act(needed: Annotated[str, Depends(dependency)]) -> str:
        return needed

    with pytest.raises(ConfigurationError) as refusal:
        made.tool()(act)

    assert refusal.value.reason == "unusable-signature"


def whoever(request: StarletteRequest) -> str:
    caller = request.scope["doorward.identity"]
    assert caller is current_identity() or current_identity() is None
    return str(caller.subject)


async def test_a_dependency_can_read_the_caller() -> None:
    made = McpServer("test", version="1.0")

    @made.resource("who://ami")
    async def who(name: Annotated[str, Depends(whoever)]) -> str:
        return name

    async with rpc_client(made, identity=person("alice")) as peer:
        answer = await peer.ask("resources/read", {"uri": "who://ami"})

    assert answer.result["contents"][0]["text"] == "alice"
