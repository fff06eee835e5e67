"""Registering tools: what authors can write, what lists contain, and what is refused."""

import threading
from collections.abc import Callable
from typing import Any, get_args

import pytest

from doorward.errors import ConfigurationError
from doorward.identity import Kind
from doorward.mcp_server import McpServer
from tests.mcp_server.rpc_client import person, rpc_client


def server_with(*functions: Callable[..., Any]) -> McpServer:
    server = McpServer("test", version="1.0")
    for function in functions:
        server.tool()(function)
    return server


async def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


async def test_tools_are_listed_in_registration_order() -> None:
    async def zebra() -> None: ...
    async def ape() -> None: ...

    async with rpc_client(server_with(zebra, add, ape)) as peer:
        assert await peer.tools() == ["zebra", "add", "ape"]


async def test_the_list_contains_title_description_and_annotations() -> None:
    server = McpServer("test", version="1.0")
    server.tool(
        name="sum.of-two", title="Sum", description="Adds.", annotations={"readOnlyHint": True}
    )(add)
    async with rpc_client(server) as peer:
        (tool,) = (await peer.ask("tools/list")).result["tools"]
    async with rpc_client(server, "2025-03-26") as peer:
        (older,) = (await peer.ask("tools/list")).result["tools"]

    assert (tool["name"], tool["title"], tool["description"]) == ("sum.of-two", "Sum", "Adds.")
    assert tool["annotations"] == {"readOnlyHint": True}
    # That revision has neither titles nor output schemas.
    assert set(older) == {"name", "description", "inputSchema", "annotations"}


async def test_a_cursor_is_refused_when_the_list_has_one_page() -> None:
    async with rpc_client(server_with(add)) as peer:
        answer = await peer.ask("tools/list", {"cursor": "page-2"})

    assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_the_tool_decorator_returns_the_function_unchanged() -> None:
    server = McpServer("test", version="1.0")

    assert server.tool()(add) is add


def positional(a: int, /) -> None: ...
def spread(*rest: int) -> None: ...
def keywords(**rest: int) -> None: ...
def opaque(a: threading.Lock) -> None: ...
def opaque_result() -> threading.Thread:
    return threading.Thread()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (positional, "unusable-signature"),
        (spread, "unusable-signature"),
        (keywords, "unusable-signature"),
        (opaque, "unusable-signature"),
        (opaque_result, "unusable-result"),
    ],
)
def test_an_unsupported_signature_is_refused_at_start_up(
    function: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        server_with(function)

    assert refusal.value.reason == reason
    assert refusal.value.hint


@pytest.mark.parametrize("name", ["", "two words", "a/b", "ä", "x" * 129, "line\nbreak"])
def test_an_invalid_tool_name_is_refused_at_start_up(name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1.0").tool(name=name or " ")(add)

    assert refusal.value.reason == "unusable-name"


def test_a_duplicate_tool_name_is_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        server_with(add, add)

    assert refusal.value.reason == "name-taken"


def test_scopes_given_as_a_string_are_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1.0").tool(scopes="mcp:tools")

    assert refusal.value.reason == "not-a-collection"


def test_the_rule_of_a_tool_has_its_declared_scopes_and_roles() -> None:
    server = McpServer("test", version="1.0")
    server.tool(scopes={"mcp:tools", "mcp:admin"}, roles={"admin"})(add)

    rule = server.rules[("tools/call", "add")]
    assert rule.scopes == {"mcp:tools", "mcp:admin"}
    assert rule.roles == {"admin"}


async def test_a_tool_for_persons_is_not_listed_for_services_and_keys() -> None:
    server = McpServer("test", version="1.0")
    server.tool(kinds={"person"})(add)
    shown = {}
    for kind in get_args(Kind):
        async with rpc_client(server, identity=person("somebody", kind=kind)) as peer:
            shown[kind] = await peer.tools()

    assert shown == {"person": ["add"], "service": [], "key": []}
    assert server.rules["tools/call", "add"].kinds == {"person"}


def test_an_unknown_kind_is_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1.0").tool(kinds={"human"})  # type: ignore[arg-type]

    assert refusal.value.reason == "not-a-kind"
