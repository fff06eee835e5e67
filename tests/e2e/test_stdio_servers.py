"""Well-known stdio servers, unmodified, behind ``doorward serve``: official clients see what they see directly."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client as FastMcpClient
from fastmcp.client.auth import BearerAuth
from mcp import Client, types
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

from tests.e2e.backends import EVERYTHING as SCRIPT
from tests.e2e.drivers import NODE
from tests.e2e.served import Mode, Served, described, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

EVERYTHING = (str(NODE), str(SCRIPT), "stdio")
TIME = (str(Path(sys.executable).parent / "mcp-server-time"), "--local-timezone", "UTC")
COMMANDS = {"everything": EVERYTHING, "time": TIME}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Both servers behind one process, for callers with an API key."""
    tables = {
        name: f"""
command = {json.dumps(command)}
[mcp_servers.policy]
tools."*" = {{ scopes = ["mcp:tools"] }}
tools.get-env = {{ roles = ["nobody"] }}
prompts."*" = {{}}
resources."*" = {{}}
"""
        for name, command in COMMANDS.items()
    }
    with serving(tmp_path_factory.mktemp("stdio"), tables) as running:
        yield running


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize(
    "name", [pytest.param("everything", marks=pytest.mark.needs("node-clients")), "time"]
)
async def test_a_client_sees_through_the_door_what_it_sees_directly(
    served: Served, name: str, mode: Mode
) -> None:
    command, *arguments = COMMANDS[name]
    async with Client(
        StdioServerParameters(command=command, args=arguments), mode="legacy"
    ) as direct:
        expected = await described(direct)
    async with served.client(name, mode) as client:
        seen = await described(client)
        revision = client.protocol_version

    expected["tools"] = [one for one in expected["tools"] if one.name != "get-env"]
    assert seen == expected
    assert revision == ("2025-11-25" if mode == "legacy" else "2026-07-28")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_python_server_answers_a_call(served: Served, mode: Mode) -> None:
    async with served.client("time", mode) as client:
        answer = await client.call_tool(
            "convert_time",
            {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"},
        )

    assert isinstance(answer, types.CallToolResult)
    assert "21:00" in str(answer.content)


@pytest.mark.needs("node-clients")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_node_server_answers_with_progress_and_reads_resources(
    served: Served, mode: Mode
) -> None:
    told: list[float] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with served.client("everything", mode) as client:
        added = await client.call_tool("get-sum", {"a": 2, "b": 3})
        await client.call_tool(
            "trigger-long-running-operation",
            {"duration": 0.2, "steps": 2},
            progress_callback=progressed,
        )
        listed = await client.list_resources()
        read = await client.read_resource(listed.resources[0].uri)

    assert "5" in str(added.content)
    assert told == [1, 2]
    assert read.contents


@pytest.mark.needs("node-clients")
async def test_a_tool_that_the_policy_refuses_is_neither_listed_nor_run(served: Served) -> None:
    async with served.client("everything", "legacy") as client:
        names = {one.name for one in (await client.list_tools()).tools}
        with pytest.raises((MCPError, PermissionError, RuntimeError, httpx2.HTTPError)):
            await client.call_tool("get-env", {})

    assert "get-env" not in names


@pytest.mark.needs("node-clients")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_node_server_asks_its_client(served: Served, mode: Mode) -> None:
    asked: list[str] = []

    async def answer(_context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="decline")

    async with served.client("everything", mode, elicitation_callback=answer) as client:
        names = {one.name for one in (await client.list_tools()).tools}
        await client.call_tool("trigger-elicitation-request", {})

    assert "trigger-elicitation-request" in names
    assert len(asked) == 1


async def test_fastmcps_client_lists_and_calls(served: Served) -> None:
    async with FastMcpClient(f"{served.origin}/time", auth=BearerAuth(served.key)) as client:
        names = [one.name for one in await client.list_tools()]
        answer = await client.call_tool("get_current_time", {"timezone": "UTC"})

    assert names == ["get_current_time", "convert_time"]
    assert "UTC" in str(answer.content)


async def test_no_process_is_left_when_the_service_ends(tmp_path: Path) -> None:
    mark = tmp_path / "this-test"
    table = f"""
command = {json.dumps(TIME)}
policy.tools."*" = {{ scopes = ["mcp:tools"] }}
process.environment = {{ OF = "{mark}" }}
"""
    with serving(tmp_path, {"time": table}) as running:
        async with running.client("time", "auto") as client:
            await client.list_tools()
        processes = _with(f"OF={mark}")

    assert len(processes) == 1
    assert _with(f"OF={mark}") == []


def _with(variable: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and variable.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found
