"""``doorward protect``: one command, a sign-in, and a call of a server that nobody changed."""

import asyncio
import sys
from pathlib import Path

import httpx2
import pytest
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

TIME = Path(sys.executable).parent / "mcp-server-time"


def test_a_stdio_server_is_protected_by_one_command_and_again(tmp_path: Path) -> None:
    file, port = tmp_path / "doorward.toml", free_port()
    arguments = [
        "protect",
        "--command",
        f"{TIME} --local-timezone UTC",
        "--public-url",
        f"http://localhost:{port}",
        "--listen",
        f"127.0.0.1:{port}",
        "--file",
        str(file),
    ]
    passwords = {"alice": "correct horse battery staple"}
    with RunningService(file, passwords=passwords, arguments=arguments) as service:
        stranger = httpx2.post(service.mcp, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        alice = sign_in(service, "alice", "mcp:tools")
        said = asyncio.run(_time(service.mcp, alice.access_token))
        leaks = service.leaks()
    with RunningService(file, arguments=arguments) as again:
        # The same keys, users and grants.
        said_again = asyncio.run(_time(again.mcp, alice.access_token))

    assert stranger.status_code == 401
    assert "UTC" in said
    assert "UTC" in said_again
    assert leaks == []


async def _time(url: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        answer = await client.call_tool("get_current_time", {"timezone": "UTC"})
    assert isinstance(answer, types.CallToolResult)
    return str(answer.content)
