"""Host and Origin of requests without a guard."""

import pytest

from doorward.mcp_server import McpServer
from tests.ledger import proves
from tests.mcp_server.rpc_client import person, rpc_client


def server() -> McpServer:
    made = McpServer(
        "test",
        version="1",
        allowed_hosts=["Mcp.Example"],
        allowed_origins=["https://app.example"],
    )
    made.tool(name="hello")(lambda: "hello")
    return made


@proves("S162", "accepts", "foreign origins on local ports")
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost"},
        {"host": "localhost:9000"},
        {"host": "127.0.0.1:1"},
        {"host": "[::1]:9000"},
        {"host": "mcp.example"},
        {"host": "mcp.example:8443"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1"},
        {"origin": "https://app.example"},
    ],
    ids=str,
)
async def test_an_allowed_host_and_origin_is_served(headers: dict[str, str]) -> None:
    async with rpc_client(server()) as peer:
        assert (await peer.call("hello", headers)).content_text == "hello"


@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:80",
        "mcp.example.evil.example",
        "127.0.0.1.evil.example",
        "127.1",
        "0x7f000001",
        "localhost@evil.example",
        "evil.example/localhost",
        "localhost/evil.example",
        "localhost?evil.example",
        "localhost#evil.example",
        "localhost:80:90",
        "localhost,evil.example",
        "",
    ],
)
async def test_another_host_is_refused(host: str) -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.call("hello", {"host": host})

    assert answer.status == 421
    assert answer.error["code"] == -32600
    assert not host or host not in answer.text


@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://localhost/",
        "file://",
        "null",
        "",
    ],
)
async def test_another_origin_is_refused(origin: str) -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.call("hello", {"origin": origin})

    assert answer.status == 403


@proves("S162", "refuses", "foreign origins on local ports")
async def test_a_preflight_is_not_granted() -> None:
    async with rpc_client(server()) as peer:
        response = await peer.http.options(
            "/mcp",
            headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
        )

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


async def test_another_origin_is_refused_before_the_tool_runs() -> None:
    ran: list[int] = []
    made = McpServer("test", version="1")
    made.tool(name="run")(lambda: ran.append(1))
    async with rpc_client(made) as peer:
        await peer.call("run", {"origin": "https://evil.example"})
        assert not ran
        await peer.call("run")

    assert ran == [1]


async def test_a_caller_set_without_the_guard_does_not_skip_the_host_check() -> None:
    # An application that names callers in its own way is not our guard: it checked no Host.
    async with rpc_client(server(), identity=person("alice")) as peer:
        answer = await peer.call("hello", {"host": "evil.example"})

    assert answer.status == 421
