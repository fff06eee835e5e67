"""A stock stdio client at a protected HTTP server, through the bridge."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.cli.conftest import Command, Running

pytestmark = pytest.mark.e2e
DOORWARD = str(Path(sys.executable).parent / "doorward")


def bridge_to(url: str, *arguments: str) -> StdioServerParameters:
    environment = {"DOORWARD_HOME": os.environ["DOORWARD_HOME"], "PATH": os.environ["PATH"]}
    return StdioServerParameters(
        command=DOORWARD, args=["bridge", url, *arguments], env=environment
    )


def talk(url: str, lines: Sequence[object], *arguments: str) -> tuple[int, list[Any], str]:
    """Write ``lines`` to a bridge, close its stdin, and return its status and what it said."""
    done = subprocess.run(
        [DOORWARD, "bridge", url, *arguments],
        input="".join(
            (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
def test_a_stock_stdio_client_lists_and_calls_through_the_bridge(
    demo: Running, signed_in: Path, mode: Literal["legacy", "auto"]
) -> None:
    async def visit() -> tuple[str, list[str], bool, str]:
        async with (
            asyncio.timeout(60),
            Client(stdio_client(bridge_to(demo.mcp)), mode=mode) as client,
        ):
            tools = [tool.name for tool in (await client.list_tools()).tools]
            added = await client.call_tool("add", {"a": 2, "b": 3})
            both = await asyncio.gather(
                *(client.call_tool("add", {"a": number, "b": 0}) for number in range(5))
            )
            ok = not any(result.is_error for result in both)
            return client.protocol_version or "", tools, ok, str(added.structured_content)

    version, tools, ok, added = asyncio.run(visit())

    assert tools == ["echo", "get_time", "add"]
    assert ok
    assert "5" in added
    assert version == ("2025-11-25" if mode == "legacy" else "2026-07-28")


def test_an_expired_token_is_renewed_by_the_bridge(
    demo: Running, signed_in: Path, doorward: Command
) -> None:
    before = doorward("whoami", demo.mcp, "--json").document["expires_at"]
    store = signed_in / "tokens.json"
    records = json.loads(store.read_text())
    for record in records.values():
        if "expires_at" in record:
            record["expires_at"] = 1.0
    store.write_text(json.dumps(records))
    answer = asyncio.run(ask_once(demo.mcp))

    assert [tool["name"] for tool in answer["result"]["tools"]] == ["echo", "get_time", "add"]
    assert doorward("whoami", demo.mcp, "--json").document["expires_at"] >= before


def test_without_a_sign_in_the_error_names_the_login_command(demo: Running, home: Path) -> None:
    answer = asyncio.run(ask_once(demo.mcp))

    assert answer["id"] == "a"
    assert answer["error"]["data"] == {"reason": "sign-in-needed"}
    assert f"doorward login {demo.mcp}" in answer["error"]["message"]


def test_the_interactive_option_opens_the_browser_for_a_sign_in(
    demo: Running, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parent.parent.parent
    monkeypatch.setenv("BROWSER", f"{sys.executable} -m tests.e2e.browser_command %s")
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("FORM_BROWSER_USER", "alice")
    monkeypatch.setenv("FORM_BROWSER_PASSWORD", "alice-demo")

    answer = asyncio.run(ask_once(demo.mcp, "--interactive"))

    assert [tool["name"] for tool in answer["result"]["tools"]] == ["echo", "get_time", "add"]


async def ask_once(url: str, *arguments: str) -> Any:
    """Ask a bridge for its tools and return the answer; stdin stays open until it came."""
    process = await asyncio.create_subprocess_exec(
        DOORWARD,
        "bridge",
        url,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    message = {"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": {"_meta": META}}
    process.stdin.write(json.dumps(message).encode() + b"\n")
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    process.stdin.close()
    assert await process.wait() == 0
    return json.loads(line)


def test_a_malformed_line_gets_a_parse_error_and_the_bridge_continues(
    demo: Running, signed_in: Path
) -> None:
    odd = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": [1]}}
    status, said, _ = talk(demo.mcp, [odd, "{not json", ""])

    assert status == 0
    assert said == [
        {
            "jsonrpc": "2.0",
            "id": None,
            "error": {"code": -32700, "message": "The line is not a JSON-RPC message."},
        }
    ]


def test_an_insecure_server_url_ends_the_bridge_with_exit_code_2(home: Path) -> None:
    status, said, wrong = talk("http://mcp.example/mcp", [])

    assert (status, said) == (2, [])
    assert "(insecure-server-url)" in wrong


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
