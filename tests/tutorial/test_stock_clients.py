"""The official SDK at every step, and its models as the judge of every answer."""

from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types.methods import validate_server_result

from tests.mcp_server.loopback_server import serving
from tests.tutorial.attacks import STEPS
from tests.tutorial.in_process import ADDRESS, PROVIDER, application, mint
from tests.tutorial.transcripts import transcript

EVERYTHING = {"mcp:read", "mcp:tools", "mcp:prompts"}


@pytest.mark.e2e
@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("step", STEPS[2:])
async def test_the_official_client_speaks_to_every_step_with_tools(
    step: int, mode: Literal["auto", "legacy"], tmp_path: Path
) -> None:
    issuer = PROVIDER if step == 10 else ADDRESS
    alice = mint(issuer).mint("alice", scopes=EVERYTHING, roles={"user"})
    headers = {"authorization": f"Bearer {alice}"} if step >= 5 else {}
    async with (
        serving(application(step, tmp_path)) as base,
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{base}/mcp", http_client=http), mode=mode) as client,
    ):
        tools = [one.name for one in (await client.list_tools()).tools]
        prompts = [one.name for one in (await client.list_prompts()).prompts]
        if step == 3:
            with pytest.raises(MCPError) as unknown:
                await client.call_tool("echo", {"message": "hello"})
            assert unknown.value.error.code == -32601
            return
        said = await client.call_tool("echo", {"message": "hello"})
        prompt = await client.get_prompt("greeting", {"name": "Ada"})

    assert tools[:2] == ["echo", "get_time"]
    assert prompts == ["greeting", "help"]
    assert (said.structured_content, said.is_error) == ({"result": "hello"}, False)
    content: Any = prompt.messages[0].content
    assert "Ada" in content.text


@pytest.mark.parametrize("step", STEPS[1:])
async def test_every_result_on_the_wire_is_what_the_schema_says(step: int) -> None:
    judged = 0
    for one in await transcript(step):
        answer = one["answer"]
        if isinstance(answer, dict) and "result" in answer:
            version = one["headers"]["mcp-protocol-version"]
            validate_server_result(one["body"]["method"], version, answer["result"])
            judged += 1

    assert judged
