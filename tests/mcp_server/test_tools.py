"""Tools: schemas, arguments and results of typed functions."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, Field
from structlog.testing import capture_logs

from doorward.mcp_server import (
    Audio,
    EmbeddedResource,
    Image,
    McpServer,
    ResourceLink,
    Text,
    ToolError,
)
from tests.mcp_server.rpc_client import LEGACY, MODERN, REVISIONS, rpc_client


class Colour(StrEnum):
    RED = "red"


class Address(BaseModel):
    street: str
    number: int = 1


@dataclass
class Weather:
    celsius: float
    words: str


def server_with(*functions: Callable[..., Any]) -> McpServer:
    server = McpServer("test", version="1.0")
    for function in functions:
        server.tool()(function)
    return server


async def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@pytest.mark.parametrize("version", REVISIONS)
async def test_a_tool_is_called_with_its_arguments_in_every_revision(version: str) -> None:
    async with rpc_client(server_with(add), version) as peer:
        answer = await peer.call("add", a=20, b=22)

    assert answer.status == 200
    assert answer.message["id"] == 1
    assert answer.content_text == "42"
    assert answer.result["isError"] is False


async def test_a_modern_result_has_a_result_type_and_the_server_info() -> None:
    async with rpc_client(server_with(add)) as peer:
        result = (await peer.call("add", a=1, b=2)).result

    assert result["resultType"] == "complete"
    assert result["structuredContent"] == {"result": 3}
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"] == {
        "name": "test",
        "version": "1.0",
    }


@pytest.mark.parametrize("version", LEGACY)
async def test_a_legacy_result_has_no_result_type_and_no_meta(version: str) -> None:
    async with rpc_client(server_with(add), version) as peer:
        result = (await peer.call("add", a=1, b=2)).result

    assert "resultType" not in result
    assert "_meta" not in result
    # Structured content came with 2025-06-18.
    assert ("structuredContent" in result) is (version != "2025-03-26")


async def test_the_schemas_are_derived_from_the_signature() -> None:
    async def ship(
        to: Annotated[Address, Field(description="Where it goes.")],
        colour: Colour = Colour.RED,
        speed: Literal["slow", "fast"] = "slow",
        notes: list[str] | None = None,
        copies: Annotated[int, Field(ge=1)] = 1,
    ) -> Weather:
        """Ship a thing.

        At once.
        """
        return Weather(1.5, "fine")

    async with rpc_client(server_with(ship)) as peer:
        (tool,) = (await peer.ask("tools/list")).result["tools"]
        answer = await peer.call("ship", to={"street": "High"}, colour="red")

    schema = tool["inputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert tool["description"] == "Ship a thing.\n\nAt once."
    assert schema["required"] == ["to"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["copies"] == {"default": 1, "minimum": 1, "type": "integer"}
    assert schema["properties"]["to"]["description"] == "Where it goes."
    jsonschema.validate(answer.result["structuredContent"], tool["outputSchema"])
    assert answer.result["structuredContent"] == {"celsius": 1.5, "words": "fine"}
    assert answer.content_text == '{"celsius":1.5,"words":"fine"}'


async def test_a_tool_named_like_a_method_of_a_model_keeps_its_parameter_names() -> None:
    async def save(copy: int, json: str, schema: bool, model_config: int = 0) -> str:
        return f"{copy} {json} {schema}"

    async with rpc_client(server_with(save)) as peer:
        answer = await peer.call("save", copy=1, json="x", schema=True)

    assert answer.content_text == "1 x True"


async def test_a_default_factory_runs_for_each_call() -> None:
    fresh: Any = Field(default_factory=list)

    async def collect(item: str, into: list[str] = fresh) -> list[str]:
        into.append(item)
        return into

    async with rpc_client(server_with(collect)) as peer:
        await peer.call("collect", item="a")
        answer = await peer.call("collect", item="b")

    assert answer.result["structuredContent"] == {"result": ["b"]}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param({"a": 1}, "b", id="missing"),
        pytest.param({"a": 1, "b": "2"}, "b", id="a-string-for-a-number"),
        pytest.param({"a": 1, "b": True}, "b", id="a-boolean-for-a-number"),
        pytest.param({"a": 1, "b": 2.5}, "b", id="a-fraction"),
        pytest.param({"a": 1, "b": None}, "b", id="null"),
        pytest.param({"a": 1, "b": 2, "c": 3}, "c", id="one-too-many"),
    ],
)
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_invalid_arguments_never_reach_the_function(
    version: str, arguments: dict[str, Any], named: str
) -> None:
    reached = []

    async def add(a: int, b: int) -> int:
        reached.append((a, b))
        return a + b

    async with rpc_client(server_with(add), version) as peer:
        answer = await peer.call("add", **arguments)

    assert answer.status == 200
    assert answer.result["isError"] is True
    assert f"{named}: " in answer.content_text
    assert not reached


async def test_an_argument_error_does_not_repeat_the_values() -> None:
    async with rpc_client(server_with(add)) as peer:
        answer = await peer.call("add", a="hunter2", b=1)

    assert "hunter2" not in answer.text


async def test_a_long_list_of_argument_errors_is_truncated() -> None:
    async with rpc_client(server_with(add)) as peer:
        answer = await peer.call("add", a=1, b=1, **{f"x{n}": n for n in range(500)})

    assert len(answer.content_text) < 1000


async def test_a_large_integer_is_preserved() -> None:
    with capture_logs() as logs:
        async with rpc_client(server_with(add)) as peer:
            answer = await peer.call("add", a=2**70, b=1)

    assert answer.content_text == str(2**70 + 1)
    assert not logs


async def test_a_number_too_large_for_a_double_does_not_become_none() -> None:
    async def show(x: float | None) -> str:
        return str(x)

    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%b}'
    params = b'{"name":"show","arguments":{"x":1e999}}'
    async with rpc_client(server_with(show), "2025-11-25") as peer:
        answer = await peer.post(body % params, method="tools/call")

    assert "None" not in answer.text


@pytest.mark.parametrize("arguments", [[], "a", 1, False], ids=repr)
async def test_arguments_that_are_not_an_object_are_a_protocol_error(arguments: Any) -> None:
    async with rpc_client(server_with(add)) as peer:
        answer = await peer.ask("tools/call", {"name": "add", "arguments": arguments})

    assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_a_tool_without_parameters_may_be_called_without_arguments() -> None:
    async def now() -> str:
        return "noon"

    async with rpc_client(server_with(now)) as peer:
        assert (await peer.ask("tools/call", {"name": "now"})).content_text == "noon"


async def test_a_synchronous_function_runs_in_a_worker_thread() -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    async with rpc_client(server_with(where)) as peer:
        assert (await peer.call("where")).content_text == "false"


async def test_the_message_of_a_tool_error_is_returned() -> None:
    async def book(day: str) -> str:
        raise ToolError(f"No flight on {day}.")

    async with rpc_client(server_with(book)) as peer:
        answer = await peer.call("book", day="Monday")

    assert answer.result["isError"] is True
    assert answer.content_text == "No flight on Monday."


@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_any_other_exception_of_a_tool_is_logged_and_not_returned(version: str) -> None:
    async def boom() -> str:
        raise RuntimeError("password=hunter2")

    with capture_logs() as logs:
        async with rpc_client(server_with(boom, add), version) as peer:
            answer = await peer.call("boom")
            after = await peer.call("add", a=1, b=1)

    assert answer.result["isError"] is True
    assert "hunter2" not in answer.text
    (record,) = logs
    assert record["event"] == "tool-failed"
    assert record["correlation_id"] in answer.content_text
    assert "hunter2" in record["traceback"]
    assert after.content_text == "2"


@pytest.mark.parametrize("raised", [StopIteration, SystemExit, RecursionError, AssertionError])
@pytest.mark.parametrize("in_a_thread", [False, True], ids=["async", "in-a-thread"])
async def test_the_server_survives_any_exception_of_a_tool(
    raised: type[BaseException], in_a_thread: bool
) -> None:
    async def waiting() -> str:
        raise raised

    def blocking() -> str:
        raise raised

    server = server_with(add)
    server.tool(name="boom")(blocking if in_a_thread else waiting)
    with capture_logs():
        async with rpc_client(server) as peer:
            assert (await peer.call("boom")).result["isError"] is True
            assert (await peer.call("add", a=1, b=1)).content_text == "2"


@pytest.mark.parametrize(
    "value",
    [object(), {1, object()}, "\ud800", b"\xff\xfe", lambda: 1],
    ids=["object", "set", "lone-surrogate", "bytes", "function"],
)
async def test_a_result_that_json_cannot_represent_is_a_tool_error(value: Any) -> None:
    async def give() -> Any:
        return value

    with capture_logs() as logs:
        async with rpc_client(server_with(give)) as peer:
            answer = await peer.call("give")

    assert answer.result["isError"] is True
    assert logs[0]["event"] == "tool-failed"


async def test_a_result_that_violates_the_output_schema_is_a_tool_error() -> None:
    async def lie() -> int:
        return "three"  # type: ignore[return-value]

    with capture_logs():
        async with rpc_client(server_with(lie)) as peer:
            assert (await peer.call("lie")).result["isError"] is True


@pytest.mark.parametrize("number", [float("nan"), float("inf")], ids=str)
async def test_a_number_that_json_cannot_represent_is_a_tool_error(number: float) -> None:
    async def divide() -> float:
        return number

    with capture_logs():
        async with rpc_client(server_with(divide)) as peer:
            assert (await peer.call("divide")).result["isError"] is True


async def test_only_the_fields_of_the_declared_result_model_are_returned() -> None:
    class Secretive(Address):
        secret: str = "hunter2"

    async def find() -> Address:
        return Secretive(street="High")

    async with rpc_client(server_with(find)) as peer:
        answer = await peer.call("find")

    assert answer.result["structuredContent"] == {"street": "High", "number": 1}
    assert "hunter2" not in answer.text


async def test_every_content_type_is_returned_as_its_block() -> None:
    def show() -> list[Text | Image | Audio | ResourceLink | EmbeddedResource]:
        return [
            Text("hello"),
            Image(b"png", "image/png"),
            Audio(b"wav", "audio/wav"),
            ResourceLink(uri="a://b", name="b", description="d", mime_type="text/plain"),
            EmbeddedResource(uri="a://c", data="text", mime_type="text/plain"),
            EmbeddedResource(uri="a://d", data=b"\x00", mime_type="x/y"),
        ]

    async with rpc_client(server_with(show)) as peer:
        (tool,) = (await peer.ask("tools/list")).result["tools"]
        answer = await peer.call("show")

    assert "outputSchema" not in tool
    kinds = [block["type"] for block in answer.result["content"]]
    assert kinds == ["text", "image", "audio", "resource_link", "resource", "resource"]
    assert answer.result["content"][1]["data"] == "cG5n"
    assert "structuredContent" not in answer.result


async def test_a_tool_that_returns_none_has_empty_content() -> None:
    async def forget() -> None: ...

    async with rpc_client(server_with(forget)) as peer:
        assert (await peer.call("forget")).result["content"] == []


async def test_a_recursive_output_schema_has_an_object_at_its_root() -> None:
    async def tree() -> Tree:
        return Tree(children=[Tree()])

    async with rpc_client(server_with(tree)) as peer:
        (tool,) = (await peer.ask("tools/list")).result["tools"]
        answer = await peer.call("tree")

    assert tool["outputSchema"]["type"] == "object"
    jsonschema.validate(answer.result["structuredContent"], tool["outputSchema"])


class Tree(BaseModel):
    children: list["Tree"] = []
