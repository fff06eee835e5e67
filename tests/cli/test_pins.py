"""``doorward pins``: the tools of a server are listed, compared and accepted."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from doorward import McpServer
from doorward.config import load
from doorward.errors import ConfigurationError
from tests.cli.conftest import Command

SERVER = """
import json, sys
tools = json.load(open({tools!r}))
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    result = {{"tools": tools}}
    if asked["method"] == "initialize":
        result = {{"protocolVersion": "2025-11-25", "capabilities": {{"tools": {{}}}},
                   "serverInfo": {{"name": "shop", "version": "1"}}}}
    print(json.dumps({{"jsonrpc": "2.0", "id": asked["id"], "result": result}}), flush=True)
"""


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> object:
    """Give a function that sets the tools of a stdio server, whose file is in this folder."""
    monkeypatch.chdir(tmp_path)
    tools = tmp_path / "offered.json"
    script = tmp_path / "server.py"
    script.write_text(SERVER.format(tools=str(tools)))
    (tmp_path / "doorward.toml").write_text(
        f"""
[[mcp_servers]]
resource = "http://localhost:8000/mcp"
command = [{json.dumps(sys.executable)}, {json.dumps(str(script))}]
issuer = "https://login.example"
tool_pins = "tools.json"

[mcp_servers.policy.tools]
"*" = {{}}
"""
    )

    def offered(**descriptions: str) -> None:
        tools.write_text(
            json.dumps(
                [
                    {"name": name, "description": text, "inputSchema": {"type": "object"}}
                    for name, text in descriptions.items()
                ]
            )
        )

    return offered


@pytest.fixture
def http_server() -> Iterator[str]:
    """Serve one tool over HTTP on a free port; give its address."""
    mcp = McpServer("shop", version="1")

    @mcp.tool()
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    config = uvicorn.Config(mcp.asgi, host="127.0.0.1", port=0, log_config=None, loop="asyncio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join(10)


def test_tools_are_accepted_compared_and_listed(doorward: Command, offer: object) -> None:
    assert callable(offer)
    offer(add="Adds", refund="Refunds")

    assert doorward("pins", "diff").status == 1
    assert doorward("pins", "accept").status == 0
    same = doorward("pins", "diff", "--json")
    assert (same.status, same.document) == (0, {"changes": []})
    assert set(doorward("pins", "list", "--json").document["tools"]) == {"add", "refund"}

    offer(add="Adds, and\u200b more", new="New")
    changed = doorward("pins", "diff")
    assert changed.status == 1
    assert [line for line in changed.out.splitlines() if not line.startswith(" ")] == [
        "changed add",
        "new new",
        "gone refund",
    ]
    assert '    -  "description": "Adds",' in changed.out.splitlines()
    assert "and\\u200b more" in changed.out

    assert doorward("pins", "accept", "--tool", "add").status == 0
    left = doorward("pins", "diff", "--json").document["changes"]
    assert [(one["name"], one["what"]) for one in left] == [("new", "new"), ("refund", "gone")]
    assert doorward("pins", "accept", "--tool", "other").status == 2


def test_the_tools_of_a_server_over_http_are_accepted(
    doorward: Command, http_server: str, tmp_path: Path
) -> None:
    """The address is one that the operator wrote, so it may be plain http on this machine."""
    (tmp_path / "doorward.toml").write_text(
        f"""
[[mcp_servers]]
resource = "http://localhost:8000/mcp"
upstream = "{http_server}"
issuer = "https://login.example"
tool_pins = "tools.json"

[mcp_servers.policy.tools]
"*" = {{}}
"""
    )

    assert doorward("pins", "accept").status == 0
    assert doorward("pins", "diff", "--json").document == {"changes": []}
    assert set(doorward("pins", "list", "--json").document["tools"]) == {"add"}


def test_tools_that_no_client_may_see_are_not_accepted(
    doorward: Command, offer: object, tmp_path: Path
) -> None:
    assert callable(offer)
    offer(add="Adds", Add="Adds too")

    refused = doorward("pins", "accept")

    assert refused.status == 2
    assert "unusable-tool" in refused.err
    assert not (tmp_path / "tools.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"format": "doorward tools 1", "tools": {"a": {}}}'])
def test_a_file_of_accepted_tools_that_is_damaged_is_refused_with_its_line(
    offer: object, tmp_path: Path, text: str
) -> None:
    (tmp_path / "tools.json").write_text(text)

    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path / "doorward.toml")

    assert refused.value.reason == "unreadable-tool-pins"
    assert "doorward.toml:6" in str(refused.value)
