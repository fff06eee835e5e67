"""Prompts: typed functions whose arguments are strings on the wire."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from structlog.testing import capture_logs

from doorward.mcp_server import Image, McpServer, Message, ToolError
from tests.mcp_server.rpc_client import MODERN, REVISIONS, RpcClient, rpc_client


def server_with_prompts() -> McpServer:
    server = McpServer("test", version="1.0")

    @server.prompt(title="Greeting")
    async def greeting(name: str, times: int = 1, style: Literal["warm", "cold"] = "warm") -> str:
        """Greet somebody."""
        return f"{style}: " + "Hello, " * times + name

    @server.prompt()
    def review() -> list[Message | str]:
        return ["Look:", Message(Image(b"png", "image/png")), Message("I see.", role="assistant")]

    @server.prompt()
    async def boom() -> str:
        raise RuntimeError("password=hunter2")

    @server.prompt()
    async def odd() -> Any:
        return 5

    @server.prompt()
    async def picky(day: str) -> str:
        raise ToolError(f"{day} is not a day.")

    return server


async def get(peer: RpcClient, name: str, /, **arguments: Any) -> Any:
    return await peer.ask("prompts/get", {"name": name, "arguments": arguments})


@pytest.mark.parametrize("version", REVISIONS)
async def test_a_prompt_is_rendered_with_its_arguments_in_every_revision(version: str) -> None:
    async with rpc_client(server_with_prompts(), version) as peer:
        answer = await get(peer, "greeting", name="Ada", times="2")

    assert answer.result["description"] == "Greet somebody."
    assert answer.result["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "warm: Hello, Hello, Ada"}}
    ]
    assert ("resultType" in answer.result) is (version == MODERN)


@pytest.mark.parametrize("version", REVISIONS)
async def test_prompts_are_listed_with_their_arguments(version: str) -> None:
    async with rpc_client(server_with_prompts(), version) as peer:
        first = (await peer.ask("prompts/list")).result["prompts"][0]

    assert first["arguments"] == [
        {"name": "name", "required": True},
        {"name": "times", "required": False},
        {"name": "style", "required": False},
    ]
    assert ("title" in first) is (version != "2025-03-26")


async def test_a_prompt_argument_may_have_an_alias_and_a_description() -> None:
    server = McpServer("test", version="1.0")

    @server.prompt()
    async def fetch(from_: Annotated[str, Field(alias="from", description="Where.")]) -> str:
        return from_

    async with rpc_client(server) as peer:
        (listed,) = (await peer.ask("prompts/list")).result["prompts"]
        answer = await get(peer, "fetch", **{"from": "here"})

    assert listed["arguments"] == [{"name": "from", "description": "Where.", "required": True}]
    assert answer.result["messages"][0]["content"]["text"] == "here"


async def test_a_prompt_may_have_several_messages_of_several_content_types() -> None:
    async with rpc_client(server_with_prompts()) as peer:
        messages = (await get(peer, "review")).result["messages"]

    assert [message["role"] for message in messages] == ["user", "user", "assistant"]
    assert [message["content"]["type"] for message in messages] == ["text", "image", "text"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({}, id="missing"),
        pytest.param({"name": "Ada", "times": "many"}, id="not-a-number"),
        pytest.param({"name": "Ada", "style": "hot"}, id="not-a-choice"),
        pytest.param({"name": "Ada", "extra": "x"}, id="one-too-many"),
        pytest.param({"name": "Ada", "times": 2}, id="not-text"),
        pytest.param({"name": ["Ada"]}, id="a-list"),
    ],
)
@pytest.mark.parametrize(("version", "status"), [(MODERN, 400), ("2025-11-25", 200)])
async def test_invalid_prompt_arguments_are_a_protocol_error(
    version: str, status: int, arguments: dict[str, Any]
) -> None:
    async with rpc_client(server_with_prompts(), version) as peer:
        answer = await get(peer, "greeting", **arguments)

    assert (answer.status, answer.error["code"]) == (status, -32602)
    assert answer.message["id"] == 1


@pytest.mark.parametrize("sent", [2, None, True, ["2"], {"n": "2"}], ids=repr)
async def test_a_prompt_argument_that_is_not_a_string_is_refused(sent: Any) -> None:
    async with rpc_client(server_with_prompts()) as peer:
        answer = await get(peer, "greeting", name="Ada", times=sent)

    assert answer.error["message"].endswith("Every argument of a prompt is a string.")


@pytest.mark.parametrize("name", ["boom", "odd"])
async def test_the_exception_of_a_prompt_is_logged_and_not_returned(name: str) -> None:
    with capture_logs() as logs:
        async with rpc_client(server_with_prompts()) as peer:
            answer = await get(peer, name)

    assert (answer.status, answer.error["code"]) == (500, -32603)
    assert "hunter2" not in answer.text
    assert logs[0]["event"] == "prompt-failed"
    assert logs[0]["correlation_id"] in answer.error["message"]


async def test_the_error_message_of_a_prompt_author_is_returned() -> None:
    async with rpc_client(server_with_prompts()) as peer:
        answer = await get(peer, "picky", day="Blursday")

    assert answer.error == {"code": -32602, "message": "Blursday is not a day."}


async def test_an_unknown_prompt_is_a_protocol_error() -> None:
    async with rpc_client(server_with_prompts()) as peer:
        assert (await get(peer, "nope")).error == {
            "code": -32602,
            "message": "Unknown prompt: nope",
        }
