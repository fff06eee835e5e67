"""Example servers of the official SDKs behind ``doorward serve``: clients see what they see directly."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from mcp import Client, types
from mcp.client.stdio import StdioServerParameters

from tests.e2e.backends import backend
from tests.e2e.drive_mcp_remote import NODE, PACKAGE
from tests.e2e.drivers import CLIENTS
from tests.e2e.processes import started
from tests.e2e.served import Mode, Served, connected, described, serving

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.needs("node-clients"),
    pytest.mark.needs("go-servers"),
]

# What each server speaks by itself, and a tool of it that tells its progress.
SPOKEN: dict[str, tuple[Mode, str]] = {
    "typescript": ("legacy", "2025-11-25"),
    "go-sessions": ("legacy", "2025-11-25"),
    "go-stateless": ("auto", "2026-07-28"),
}
SLOW = {
    "typescript": ("trigger-long-running-operation", {"duration": 0.2, "steps": 2}, [1, 2]),
    "go-sessions": ("test_tool_with_progress", {}, [0, 50, 100]),
    "go-stateless": ("test_tool_with_progress", {}, [0, 50, 100]),
}
POLICY = """
[mcp_servers.policy]
tools."*" = { scopes = ["mcp:tools"] }
prompts."*" = {}
resources."*" = {}
"""


@pytest.fixture(scope="module")
def origins() -> Iterator[dict[str, str]]:
    """Run the servers, and give the URL of each."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(backend(name)) for name in SPOKEN}


@pytest.fixture(scope="module")
def served(origins: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one process in front of all of them."""
    tables = {name: f'upstream = "{url}"\n{POLICY}' for name, url in origins.items()}
    with serving(tmp_path_factory.mktemp("http"), tables) as running:
        yield running


@pytest.mark.parametrize("name", SPOKEN)
async def test_a_client_sees_through_the_gateway_what_it_sees_directly(
    origins: dict[str, str], served: Served, name: str
) -> None:
    mode, revision = SPOKEN[name]
    async with connected(origins[name], mode) as direct:
        expected = await described(direct)
    async with served.client(name, mode) as client:
        seen = await described(client)
        spoken = client.protocol_version

    assert seen == expected
    assert spoken == revision


@pytest.mark.parametrize("name", SPOKEN)
async def test_a_call_streams_its_progress(served: Served, name: str) -> None:
    tool, arguments, expected = SLOW[name]
    told: list[float] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with served.client(name, SPOKEN[name][0]) as client:
        answer = await client.call_tool(tool, arguments, progress_callback=progressed)

    assert isinstance(answer, types.CallToolResult)
    assert not answer.is_error
    assert told == expected


@pytest.mark.parametrize(
    ("name", "tool"),
    [("typescript", "trigger-elicitation-request"), ("go-sessions", "test_elicitation")],
)
async def test_a_server_asks_its_client(served: Served, name: str, tool: str) -> None:
    asked: list[str] = []

    async def answer(_context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="decline")

    async with served.client(name, "legacy", elicitation_callback=answer) as client:
        await client.call_tool(tool, {"message": "Who are you?"})

    assert len(asked) == 1


async def test_a_stream_that_breaks_off_is_resumed(served: Served) -> None:
    url = f"{served.origin}/typescript"
    headers = {**served.headers, "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        opened = await http.post(url, json=_message(1, "initialize", **_HELLO))
        http.headers["Mcp-Session-Id"] = opened.headers["Mcp-Session-Id"]
        await http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        async with http.stream("POST", url, json=_slow_call(2, duration=0.3)) as begun:
            first = await anext(_events(begun))
        # The server goes on with the first call, which ends before this one.
        await http.post(url, json=_slow_call(3, duration=0.6))
        async with http.stream("GET", url, headers={"Last-Event-ID": first["id"]}) as resumed:
            rest = [one["data"] async for one in _events(resumed)]

    progress = [one["params"] for one in (first["data"], *rest[:-1])]
    assert [one["progress"] for one in progress if one["progressToken"] == 2] == [1, 2, 3]
    assert rest[-1]["id"] == 2


@pytest.mark.parametrize("name", SPOKEN)
def test_the_typescript_client_lists_and_calls(served: Served, name: str) -> None:
    mode, revision = SPOKEN[name]
    tool, arguments, progress = SLOW[name]
    errand = {
        "url": f"{served.origin}/{name}",
        "token": served.key,
        "mode": mode,
        "tool": tool,
        "args": arguments,
    }
    with started((str(NODE), "typescript_call.mjs"), cwd=CLIENTS, longest=60) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(errand) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, process.said_wrong
    record = json.loads(line)

    assert tool in record["tools"]
    assert record["content"][0]["type"] == "text"
    assert record["progress"] == progress
    assert record["protocol"] == revision


async def test_mcp_remote_lists_and_calls(served: Served) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = (str(PACKAGE / "dist" / "proxy.js"), f"{served.origin}/typescript")
        parameters = StdioServerParameters(
            command=str(NODE),
            # Its header comes from the environment: arguments are in every list of processes.
            args=[*script, "--allow-http", "--header", "Authorization:${SENT}"],
            env={**os.environ, "HOME": folder, "MCP_REMOTE_CONFIG_DIR": folder}
            | {"SENT": served.headers["Authorization"]},
        )
        async with Client(parameters, mode="legacy") as client:
            names = [one.name for one in (await client.list_tools()).tools]
            answer = await client.call_tool("get-sum", {"a": 2, "b": 3})

    assert "get-sum" in names
    assert "5" in str(answer.content)


_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "a client", "version": "1"},
}


def _message(number: int, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _slow_call(number: int, *, duration: float) -> dict[str, Any]:
    return _message(
        number,
        "tools/call",
        name="trigger-long-running-operation",
        arguments={"duration": duration, "steps": 3},
        _meta={"progressToken": number},
    )


async def _events(response: httpx2.Response) -> Any:
    """Yield the id and the message of each event, until the answer to the call."""
    event: dict[str, Any] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            event["id"] = value
        elif name == "data" and value:
            event["data"] = json.loads(value)
        elif not line and "data" in event:
            yield event
            if "result" in event["data"]:
                return
            event = {}
