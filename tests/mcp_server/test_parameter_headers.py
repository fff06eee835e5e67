"""Headers that repeat arguments: they match the body, or the tool does not run."""

import base64
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from doorward.errors import ConfigurationError
from doorward.mcp_server import McpServer
from tests.ledger import proves
from tests.mcp_server.rpc_client import META, MODERN, rpc_client


def mirrored(name: Any) -> Any:
    return Field(json_schema_extra={"x-mcp-header": name})


def server() -> McpServer:
    made = McpServer("test", version="1")

    @made.tool()
    async def query(
        region: Annotated[str, mirrored("Region")],
        limit: Annotated[int, mirrored("Limit")] = 10,
        dry: Annotated[bool, mirrored("Dry")] = False,
    ) -> str:
        return f"{region} {limit} {dry}"

    return made


def sentinel(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


@proves("S150", "accepts", "headers agree with the body")
@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"region": "eu"}, {"mcp-param-region": "eu"}),
        ({"region": "eu"}, {"mcp-param-region": "eu", "mcp-param-unknown": "x"}),
        ({"region": "eu"}, {"mcp-param-region": sentinel("eu")}),
        ({"region": " ü\n"}, {"mcp-param-region": sentinel(" ü\n")}),
        ({"region": "eu", "limit": 5}, {"mcp-param-region": "eu", "mcp-param-limit": "5"}),
        ({"region": "eu", "limit": 5}, {"mcp-param-region": "eu", "mcp-param-limit": "5.0"}),
        ({"region": "eu", "limit": -5}, {"mcp-param-region": "eu", "mcp-param-limit": "-5"}),
        ({"region": "eu", "dry": True}, {"mcp-param-region": "eu", "mcp-param-dry": "true"}),
    ],
    ids=repr,
)
async def test_a_parameter_header_that_matches_its_argument_is_served(
    arguments: dict[str, Any], headers: dict[str, str]
) -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.call("query", headers, **arguments)

    assert answer.result["isError"] is False
    assert answer.content_text.startswith(arguments["region"])


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"region": "eu"}, {}),
        ({"region": "eu"}, {"mcp-param-region": "us"}),
        ({"region": "eu"}, {"mcp-param-region": "EU"}),
        ({"region": "eu"}, {"mcp-param-region": "=?base64?!!?="}),
        ({"region": "eu"}, {"mcp-param-region": sentinel("us")}),
        ({"region": "eu"}, {"mcp-param-region": "eu", "mcp-param-limit": "10"}),
        ({"region": "eu", "limit": None}, {"mcp-param-region": "eu", "mcp-param-limit": "null"}),
        ({"region": "eu", "limit": 5}, {"mcp-param-region": "eu", "mcp-param-limit": "6"}),
        ({"region": "eu", "limit": 50}, {"mcp-param-region": "eu", "mcp-param-limit": "5_0"}),
        ({"region": "eu", "limit": 5}, {"mcp-param-region": "eu", "mcp-param-limit": "five"}),
        ({"region": "eu", "dry": True}, {"mcp-param-region": "eu", "mcp-param-dry": "True"}),
        ({"region": "eu", "dry": True}, {"mcp-param-region": "eu", "mcp-param-dry": "1"}),
    ],
    ids=repr,
)
async def test_a_parameter_header_that_differs_from_its_argument_is_refused(
    arguments: dict[str, Any], headers: dict[str, str]
) -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.call("query", headers, **arguments)

    assert (answer.status, answer.error["code"], answer.message["id"]) == (400, -32020, 1)


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize("second", ["eu", "us"])
async def test_a_duplicate_parameter_header_is_refused(second: str) -> None:
    async with rpc_client(server()) as peer:
        raw = [("mcp-param-region", "eu"), ("mcp-param-region", second)]
        answer = await _twice(peer.http, raw)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)


async def _twice(http: Any, raw: list[tuple[str, str]]) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    params = {"name": "query", "arguments": {"region": "eu"}, "_meta": META}
    headers = [
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", "query"),
        *raw,
    ]
    return await http.post("/mcp", json={**body, "params": params}, headers=headers)


async def test_a_parameter_header_with_invalid_characters_is_refused() -> None:
    async with rpc_client(server()) as peer:
        answer = await _twice(peer.http, [("mcp-param-region", b"e\xffu")])  # type: ignore[list-item]

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)


async def test_legacy_revisions_have_no_parameter_headers() -> None:
    async with rpc_client(server(), "2025-11-25") as peer:
        answer = await peer.call("query", {"mcp-param-region": "us"}, region="eu")

    assert answer.content_text == "eu 10 False"


async def test_an_argument_that_no_header_can_carry_is_checked_by_the_schema() -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.call("query", region=["eu"])

    assert answer.result["isError"] is True


class Nested(BaseModel):
    region: Annotated[str, mirrored("Region")]


def empty(a: Annotated[str, mirrored("")]) -> None: ...
def spaced(a: Annotated[str, mirrored("two words")]) -> None: ...
def broken(a: Annotated[str, mirrored("a\r\nb")]) -> None: ...
def not_text(a: Annotated[str, mirrored(5)]) -> None: ...
def fraction(a: Annotated[float, mirrored("A")]) -> None: ...
def several(a: Annotated[list[str], mirrored("A")]) -> None: ...
def perhaps(a: Annotated[str | None, mirrored("A")]) -> None: ...
def twice(a: Annotated[str, mirrored("A")], b: Annotated[str, mirrored("a")]) -> None: ...
def nested(a: Nested) -> None: ...


@pytest.mark.parametrize(
    "function",
    [empty, spaced, broken, not_text, fraction, several, perhaps, twice, nested],
    ids=lambda function: function.__name__,
)
def test_an_invalid_header_annotation_is_refused_at_start_up(
    function: Callable[..., Any],
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1").tool()(function)

    assert refusal.value.reason == "unusable-header"
