"""Existing clients that answer questions and receive notifications."""

from typing import Any, Literal

import mcp_types as types
import pytest
from fastmcp import Client as FastMcpClient
from mcp import Client

from tests.mcp_server.everything import everything
from tests.mcp_server.loopback_server import serving

pytestmark = pytest.mark.e2e
MODES = [("auto", "2026-07-28"), ("legacy", "2025-11-25")]
Mode = Literal["auto", "legacy"]


async def fill_in(context: Any, params: Any) -> types.ElicitResult:
    wanted = params.requested_schema["properties"]
    content: dict[str, Any] = {name: "blue" for name in wanted if name != "ok"}
    return types.ElicitResult(action="accept", content={**content, "ok": True})


async def say(context: Any, params: Any) -> types.CreateMessageResult:
    text = types.TextContent(type="text", text="Paris")
    return types.CreateMessageResult(role="assistant", content=text, model="m")


async def roots(context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root.model_validate({"uri": "file:///home"})])


def content_text(result: Any) -> str:
    (block,) = result.content
    text: str = block.text
    return text


@pytest.mark.parametrize(("mode", "version"), MODES)
async def test_the_official_python_client_answers_input_requests(mode: Mode, version: str) -> None:
    async with (
        serving(everything().asgi) as base,
        Client(
            base + "/mcp",
            mode=mode,
            elicitation_callback=fill_in,
            sampling_callback=say,
            list_roots_callback=roots,
        ) as client,
    ):
        assert client.protocol_version == version
        rounds = await client.call_tool("test_input_required_result_multi_round", {})
        sampled = await client.call_tool("test_input_required_result_sampling", {})
        listed = await client.call_tool("test_input_required_result_list_roots", {})
        at_once = await client.call_tool("test_input_required_result_multiple_inputs", {})

    assert content_text(rounds) == "Name(name='blue') Color(color='blue')"
    assert content_text(sampled) == "Paris"
    assert "file:///home" in content_text(listed)
    assert content_text(at_once) == "Paris Name(name='blue')"


@pytest.mark.parametrize(("mode", "version"), MODES)
async def test_the_official_python_client_reads_completes_and_receives_progress(
    mode: Mode, version: str
) -> None:
    told: list[tuple[float, float | None]] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total))

    async with serving(everything().asgi) as base, Client(base + "/mcp", mode=mode) as client:
        assert client.protocol_version == version
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        read = await client.read_resource("test://template/7/data")
        await client.call_tool("test_tool_with_progress", {}, progress_callback=progressed)
        ref = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
        completed = await client.complete(ref, {"name": "arg1", "value": "test"})

    assert [str(one.uri) for one in listed][:2] == ["test://static-text", "test://static-binary"]
    assert [one.uri_template for one in templates] == ["test://template/{id}/data"]
    assert '"id":"7"' in read.contents[0].text  # type: ignore[union-attr]
    assert told == [(0, 100), (50, 100), (100, 100)]
    assert completed.completion.values == ["test-one", "test-two"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_fastmcp_client_answers_elicitations(mode: Mode) -> None:
    async def answer(message: str, kind: Any, params: Any, context: Any) -> Any:
        return {"name": "Al"}

    async with (
        serving(everything().asgi) as base,
        FastMcpClient(base + "/mcp", mode=mode, elicitation_handler=answer) as client,
    ):
        greeted = await client.call_tool("test_input_required_result_elicitation", {})
        text = await client.read_resource("test://static-text")

    assert content_text(greeted) == "Hello, Al!"
    assert text[0].text.startswith("This is the content")
