"""Standard streams: one line is one message."""

import io
import json
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from doorward.client import McpClient, ProtocolBroken
from doorward.client.mcp import standard_streams
from doorward.client.mcp.bridge import Bridge
from tests.client.test_streams import URL, Script, result
from tests.ledger import proves

LARGEST = 200


async def lines_of(text: bytes, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.setattr(standard_streams, "MAX_RESPONSE", LARGEST)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    async with standard_streams.standard_streams() as (lines, _):
        return [line async for line in lines]


def ask(number: int, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("length", [LARGEST, LARGEST + 1, 3 * LARGEST])
async def test_the_rest_of_an_oversized_line_is_not_read_as_a_message(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = ask(9, name="delete").ljust(LARGEST)
    long = b"{".ljust(length, b"a").ljust(-(-length // LARGEST) * LARGEST, b"a") + hidden + b"}}\n"

    lines = await lines_of(long + ask(2, name="add") + b"\n", monkeypatch)

    assert lines == [standard_streams.TOO_LONG, ask(2, name="add") + b"\n"]


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_an_oversized_line_without_end_is_reported_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await lines_of(b"a" * 5 * LARGEST, monkeypatch) == [standard_streams.TOO_LONG]


@proves("S228", "accepts", "hostile bytes end nothing")
async def test_lines_up_to_the_limit_are_read_and_the_last_needs_no_newline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = ask(1, name="add").ljust(LARGEST - 1) + b"\n"

    assert await lines_of(full + ask(2, name="add"), monkeypatch) == [full, ask(2, name="add")]


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\n", "\r", "\x0b", "\x1e"])
async def test_the_bridge_escapes_line_separators_in_server_text(separator: str) -> None:
    sent: list[bytes] = []

    async def send(line: bytes) -> None:
        sent.append(line)

    text = f"é{separator}{{}}"
    script = Script(lambda _, message: result(message, said=text))
    async with httpx2.AsyncClient(transport=script) as http:
        await Bridge(URL, http)._send(json.loads(ask(1, name="add")), send)

    (line,) = sent
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["result"]["said"] == text


def marked(_: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
    schema = {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}
    tools = [{"name": "add", "inputSchema": schema}]
    return result(dict(message), tools=tools, content=[])


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("\udcff", {}, id="the-name"),
        pytest.param("add", {"a": "\udcff"}, id="a-parameter-in-a-header"),
        pytest.param("add", {"b": "\udcff"}, id="a-parameter-in-the-body"),
    ],
)
async def test_text_with_a_lone_surrogate_is_refused_as_malformed(
    name: str, arguments: dict[str, Any]
) -> None:
    async with McpClient(URL, transport=Script(marked)) as client:
        await client.list_tools()
        with pytest.raises(ProtocolBroken) as refusal:
            await client.call_tool(name, arguments)

    assert refusal.value.reason == "malformed-request"
