"""Listing and calling, with modern and legacy servers, and what their refusals become."""

import json
from typing import Any

import httpx2
import pytest

from doorward.client import CallFailed, ClientRefused, ProtocolBroken, ServerRefused, Unreachable
from doorward.client.mcp.parameter_headers import marked_parameters, parameter_headers
from tests.client.conftest import Open
from tests.client.fake_issuer import SERVER, FakeIssuer


@pytest.mark.parametrize("revision", ["modern", "legacy", "legacy-json", "stream"])
async def test_the_client_calls_modern_and_legacy_servers(
    open_client: Open, fake_issuer: FakeIssuer, revision: str
) -> None:
    fake_issuer.revision = revision

    async with open_client() as connection:
        tools = await connection.client.list_tools()
        result = await connection.client.call_tool("add", {"a": 20, "b": 22})

    assert [tool.name for tool in tools] == ["add"]
    assert (result.text, result.is_error) == ("42", False)


async def test_the_headers_of_a_modern_request_match_its_body(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.client.call_tool("add", {"a": 1, "b": 1})

    request = fake_issuer.asked[-1]
    message = json.loads(request.content)
    assert request.headers["mcp-protocol-version"] == "2026-07-28"
    assert request.headers["mcp-method"] == message["method"] == "tools/call"
    assert request.headers["mcp-name"] == message["params"]["name"] == "add"
    assert message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


async def test_a_legacy_server_is_initialized_once_and_its_session_reused(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.revision = "legacy"

    async with open_client() as connection:
        await connection.client.list_tools()
        await connection.client.list_tools()

    methods = [
        json.loads(request.content)["method"]
        for request in fake_issuer.asked
        if str(request.url) == SERVER and "authorization" in request.headers
    ]
    assert methods == [
        "tools/list",
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/list",
    ]
    assert fake_issuer.asked[-1].headers["mcp-session-id"] == "one"
    assert fake_issuer.asked[-1].headers["mcp-protocol-version"] == "2025-06-18"


@pytest.mark.parametrize(("status", "code"), [(400, -32022), (400, -32020), (404, -32601)])
async def test_a_modern_error_does_not_trigger_the_legacy_fallback(
    open_client: Open, fake_issuer: FakeIssuer, status: int, code: int
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.asked.clear()
        error = {"code": code, "message": "no"}
        fake_issuer.routes[SERVER] = lambda _: httpx2.Response(
            status, json={"id": 1, "error": error}
        )
        with pytest.raises(CallFailed) as refusal:
            await connection.client.list_tools()

    assert refusal.value.number == code
    assert len(fake_issuer.asked) == 1


async def test_the_servers_error_for_an_unknown_tool_is_raised(open_client: Open) -> None:
    async with open_client() as connection:
        with pytest.raises(CallFailed) as refusal:
            await connection.client.call_tool("nope", {})

    assert refusal.value.number == -32602


@pytest.mark.parametrize(
    ("response", "kind", "reason"),
    [
        pytest.param(httpx2.Response(503), Unreachable, "server-error", id="503"),
        pytest.param(httpx2.Response(403), ServerRefused, "not-permitted", id="403"),
        pytest.param(httpx2.Response(418), ProtocolBroken, "unexpected-status", id="418"),
        pytest.param(
            httpx2.Response(200, html="<p>"), ProtocolBroken, "answer-not-json", id="page"
        ),
        pytest.param(httpx2.Response(200, json={}), ProtocolBroken, "no-answer", id="empty"),
        pytest.param(
            httpx2.Response(200, json={"id": 999, "result": {}}),
            ProtocolBroken,
            "no-answer",
            id="another-id",
        ),
        pytest.param(httpx2.Response(404), ProtocolBroken, "unexpected-status", id="404"),
    ],
)
async def test_a_server_error_is_raised_with_its_reason(
    open_client: Open,
    fake_issuer: FakeIssuer,
    response: httpx2.Response,
    kind: type[ClientRefused],
    reason: str,
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.routes[SERVER] = lambda _: response
        with pytest.raises(kind) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason == reason


async def test_an_unreachable_server_is_named_in_the_error(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    def nobody(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    fake_issuer.routes[SERVER] = nobody

    async with open_client() as connection:
        with pytest.raises(Unreachable) as refusal:
            await connection.client.list_tools()

    assert refusal.value.reason == "unreachable"
    assert "mcp.example" in refusal.value.problem


async def test_all_pages_of_a_list_are_fetched(open_client: Open, fake_issuer: FakeIssuer) -> None:
    def paged(request: httpx2.Request) -> httpx2.Response:
        message = json.loads(request.content)
        second = message["params"].get("cursor") == "two"
        tools = [{"name": "b" if second else "a", "inputSchema": {"type": "object"}}]
        result = {"tools": tools} if second else {"tools": tools, "nextCursor": "two"}
        return httpx2.Response(200, json={"id": message["id"], "result": result})

    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.routes[SERVER] = paged
        tools = await connection.client.list_tools()

    assert [tool.name for tool in tools] == ["a", "b"]


def marked(kind: str = "string", name: Any = "Region") -> dict[str, Any]:
    return {"type": "object", "properties": {"region": {"type": kind, "x-mcp-header": name}}}


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ],
)
def test_an_annotated_string_parameter_is_sent_in_its_header(value: str, header: str) -> None:
    assert parameter_headers(marked(), {"region": value}) == {"Mcp-Param-Region": header}


def test_integers_and_booleans_are_encoded_and_null_is_omitted() -> None:
    assert parameter_headers(marked("integer"), {"region": -7}) == {"Mcp-Param-Region": "-7"}
    assert parameter_headers(marked("boolean"), {"region": True}) == {"Mcp-Param-Region": "true"}
    assert parameter_headers(marked(), {"region": None}) == {}
    assert parameter_headers(marked(), {}) == {}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(marked("number"), id="number"),
        pytest.param(marked(name=""), id="empty"),
        pytest.param(marked(name="A\r\nB"), id="line-break"),
        pytest.param(marked(name=7), id="not-text"),
        pytest.param(
            {
                "properties": {
                    "a": {"type": "string", "x-mcp-header": "X"},
                    "b": {"type": "string", "x-mcp-header": "x"},
                }
            },
            id="twice",
        ),
        pytest.param(
            {"properties": {"a": {"items": {"type": "string", "x-mcp-header": "X"}}}}, id="in-array"
        ),
        pytest.param({"anyOf": [marked()]}, id="in-choice"),
    ],
)
def test_an_invalid_header_annotation_is_refused(schema: dict[str, Any]) -> None:
    assert marked_parameters(schema) is None
