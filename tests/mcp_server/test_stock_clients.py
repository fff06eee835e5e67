"""Existing clients over real HTTP, in all protocol revisions."""

from typing import Any, Literal

import pytest
from fastapi import FastAPI
from fastmcp import Client as FastMcpClient
from mcp import Client, MCPError

from tests.mcp_server.everything import everything
from tests.mcp_server.loopback_server import serving

pytestmark = pytest.mark.e2e


def application() -> FastAPI:
    app = FastAPI()
    app.include_router(everything().router("/mcp"))
    return app


@pytest.mark.parametrize(
    ("mode", "version"),
    [("auto", "2026-07-28"), ("2026-07-28", "2026-07-28"), ("legacy", "2025-11-25")],
)
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_the_official_python_client_lists_calls_and_prompts(
    mode: Literal["auto", "legacy"], version: str, path: str
) -> None:
    async with serving(application()) as base, Client(base + path, mode=mode) as client:
        assert client.protocol_version == version
        assert client.server_info is None or client.server_info.name == "everything"
        assert (await client.list_tools()).tools[0].name == "add"
        total = await client.call_tool("add", {"a": 20, "b": 22})
        refused = await client.call_tool("add", {"a": "20", "b": 22})
        mirrored = await client.call_tool("test_mirrored_header", {"region": "Zürich"})
        prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "x", "arg2": "y"})
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("nope", {})

    assert (total.structured_content, total.is_error) == ({"result": 42}, False)
    assert refused.is_error is True
    assert mirrored.structured_content == {"result": "Zürich 1"}
    content: Any = prompt.messages[0].content
    assert content.text == "Prompt with arguments: arg1='x', arg2='y'"
    assert unknown.value.error.code == -32602


async def test_the_fastmcp_client_lists_calls_and_prompts() -> None:
    async with serving(application()) as base, FastMcpClient(base + "/mcp") as client:
        tools = await client.list_tools()
        total = await client.call_tool("add", {"a": 20, "b": 22})
        image = await client.call_tool("test_image_content", {})
        prompts = await client.list_prompts()
        prompt = await client.get_prompt("test_simple_prompt")

    assert tools[0].name == "add"
    assert total.structured_content == {"result": 42}
    assert image.content[0].type == "image"
    assert len(prompts) == 5
    assert prompt.messages[0].role == "user"
