"""Streamed responses: resumption, and requests from the server."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from doorward.client import CallFailed, McpClient, ProtocolBroken
from doorward.client.mcp.events import MAX_RETRY, EventReader, read_events

URL = "https://mcp.example/mcp"


class Chunks(httpx2.AsyncByteStream):
    """A body in the pieces that a network made of it."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> Any:
        for chunk in self._chunks:
            yield chunk


class Script(httpx2.AsyncBaseTransport):
    """Answers each request with what a function makes of it; notifications with 202."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.asked: list[tuple[httpx2.Request, dict[str, Any]]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        message = json.loads(content) if content else {}
        self.asked.append((request, message))
        if request.method == "POST" and "method" in message and "id" not in message:
            return httpx2.Response(202, stream=Chunks())
        return self._answer(request, message)  # type: ignore[no-any-return]

    def messages(self, method: str) -> list[dict[str, Any]]:
        return [message for _, message in self.asked if message.get("method") == method]


def result(message: Mapping[str, Any], **members: Any) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": message["id"], "result": members}
    return _streamed(200, json.dumps(body).encode(), "application/json")


def events(*chunks: bytes) -> httpx2.Response:
    return httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Chunks(*chunks)
    )


def _streamed(status: int, body: bytes, kind: str) -> httpx2.Response:
    return httpx2.Response(status, headers={"content-type": kind}, stream=Chunks(body))


def error(status: int, number: int, message: Mapping[str, Any], data: Any) -> httpx2.Response:
    body = {
        "jsonrpc": "2.0",
        "id": message["id"],
        "error": {"code": number, "message": "no", "data": data},
    }
    return _streamed(status, json.dumps(body).encode(), "application/json")


async def collect(*chunks: bytes, limit: int = 1000) -> list[tuple[bytes, str | None]]:
    response = events(*chunks)
    response.request = httpx2.Request("GET", URL)
    return [(event.data, event.id) async for event in read_events(response, limit)]


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"data: a\n\ndata: b\n\n"], id="whole"),
        pytest.param([b"data: a\r\n\r\ndata: b\r\n\r\n"], id="carriage-returns-and-newlines"),
        pytest.param([b"data: a\r\rdata: b\r\r"], id="carriage-returns"),
        pytest.param([b"data: a\r", b"\n\r", b"\ndata: b\r\n", b"\r\n"], id="cut-in-a-line-end"),
        pytest.param([bytes([one]) for one in b"data: a\n\ndata: b\n\n"], id="octet-by-octet"),
        pytest.param([b"\xef\xbb\xbfdata:a\n\n: note\ndata: b\n\n"], id="mark-and-comment"),
        pytest.param([b"data: a\n\ndata: b"], id="without-the-last-empty-line"),
    ],
)
async def test_events_do_not_depend_on_chunk_boundaries(chunks: list[bytes]) -> None:
    assert [data for data, _ in await collect(*chunks)] == [b"a", b"b"]


async def test_an_event_id_persists_and_data_lines_are_joined() -> None:
    found = await collect(b"id: 1\ndata: a\ndata: b\n\ndata: c\n\nid: 2\n\n")

    assert found == [(b"a\nb", "1"), (b"c", "1"), (b"", "2")]


@pytest.mark.parametrize(
    ("said", "pause"),
    [(b"500", 0.5), (b"999999999", MAX_RETRY), (b"soon", None), (b"-1", None), (b"", None)],
)
def test_a_retry_value_is_parsed_and_limited(said: bytes, pause: float | None) -> None:
    reader = EventReader()
    reader.take(b"retry: " + said)

    assert reader.retry == pause


async def test_an_endless_event_is_refused() -> None:
    with pytest.raises(ProtocolBroken) as refusal:
        await collect(b"data: ", *[b"x" * 100] * 20)

    assert refusal.value.reason == "too-large"


async def test_a_stream_that_ends_early_is_resumed_with_last_event_id() -> None:
    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if request.method == "GET":
            assert request.headers["last-event-id"] == "e1"
            body = {"jsonrpc": "2.0", "id": numbers[-1], "result": {"tools": []}}
            return events(f"id: e2\ndata: {json.dumps(body)}\n\n".encode())
        if message["method"] == "initialize":
            return result(message, protocolVersion="2025-11-25")
        numbers.append(message["id"])
        return events(b"id: e1\nretry: 1\ndata: \n\n")

    numbers: list[int] = []
    script = Script(answer)
    async with McpClient(URL, transport=script, initialize=True) as client:
        assert await client.list_tools() == ()

    assert [request.method for request, _ in script.asked] == ["POST", "POST", "POST", "GET"]


@pytest.mark.parametrize("initialize", [True, False], ids=["no-id", "modern"])
async def test_a_stream_that_cannot_be_resumed_is_an_error(initialize: bool) -> None:
    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if message.get("method") == "initialize":
            return result(message, protocolVersion="2025-11-25")
        return events(b"data: \n\n" if initialize else b"id: e1\ndata: \n\n")

    script = Script(answer)
    async with McpClient(URL, transport=script, initialize=initialize) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.list_tools()

    assert refusal.value.reason == "no-answer"
    assert not any(request.method == "GET" for request, _ in script.asked)


async def accept(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"action": "accept", "content": {"b": 7}}


ASKED = {
    "method": "elicitation/create",
    "params": {
        "message": "?",
        "requestedSchema": {
            "type": "object",
            "properties": {"a": {"type": "integer", "default": 1}, "b": {"default": 2}, "c": {}},
        },
    },
}


@pytest.mark.parametrize("state", [None, '{"opaque": "\\u00e9 "}'], ids=["no-state", "state"])
async def test_an_elicitation_is_answered_and_the_call_retried(state: str | None) -> None:
    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if "inputResponses" in message["params"]:
            return result(message, resultType="complete", content=[])
        said = {} if state is None else {"requestState": state}
        return result(message, resultType="input_required", inputRequests={"q": ASKED}, **said)

    script = Script(answer)
    async with McpClient(URL, transport=script, elicit=accept) as client:
        await client.call_tool("ask", {"x": 1})

    first, second = script.messages("tools/call")
    assert first["id"] != second["id"]
    assert second["params"]["arguments"] == {"x": 1}
    assert second["params"]["inputResponses"] == {
        "q": {"action": "accept", "content": {"a": 1, "b": 7}}
    }
    assert second["params"].get("requestState") == state
    assert "inputResponses" not in first["params"]


async def test_endless_elicitations_end_the_call() -> None:
    script = Script(
        lambda _, message: result(message, resultType="input_required", inputRequests={"q": ASKED})
    )

    async with McpClient(URL, transport=script, elicit=accept) as client:
        with pytest.raises(ProtocolBroken):
            await client.call_tool("ask", {})

    assert len(script.asked) <= 12


@pytest.mark.parametrize(
    ("elicit", "asked"),
    [
        (None, {"q": ASKED}),
        (accept, {"q": {"method": "sampling/createMessage"}}),
        (accept, {"q": 1}),
    ],
    ids=["nobody-to-ask", "something-else", "malformed"],
)
async def test_an_unsupported_input_request_ends_the_call(elicit: Any, asked: Any) -> None:
    script = Script(
        lambda _, message: result(message, resultType="input_required", inputRequests=asked)
    )

    async with McpClient(URL, transport=script, elicit=elicit) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.call_tool("ask", {})

    assert refusal.value.reason == "input-required"
    assert len(script.asked) == 1


async def test_a_legacy_server_elicits_on_the_stream_of_the_call() -> None:
    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(405)
        if message.get("method") == "initialize":
            return result(message, protocolVersion="2025-06-18")
        if "method" not in message:
            return httpx2.Response(202, stream=Chunks())
        asks = {"jsonrpc": "2.0", "id": "s1", **ASKED}
        unknown = {"jsonrpc": "2.0", "id": "s2", "method": "roots/list"}
        body = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}
        return events(*(f"data: {json.dumps(one)}\n\n".encode() for one in (asks, unknown, body)))

    script = Script(answer)
    async with McpClient(URL, transport=script, initialize=True, elicit=accept) as client:
        await client.call_tool("ask", {})

    answers = {m["id"]: m for _, m in script.asked if "method" not in m and "id" in m}
    assert answers["s1"]["result"]["content"] == {"a": 1, "b": 7}
    assert answers["s2"]["error"]["code"] == -32601
    (greeting,) = script.messages("initialize")
    assert greeting["params"]["capabilities"] == {"elicitation": {}}


@pytest.mark.parametrize("for_ever", [False, True])
async def test_a_lost_session_is_initialized_again_once(for_ever: bool) -> None:
    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if message["method"] == "initialize":
            greeted = result(message, protocolVersion="2025-11-25")
            greeted.headers["mcp-session-id"] = f"s{len(script.messages('initialize'))}"
            return greeted
        if for_ever or request.headers["mcp-session-id"] == "s1":
            return httpx2.Response(404, stream=Chunks(b""))
        return result(message, tools=[])

    script = Script(answer)
    async with McpClient(URL, transport=script, initialize=True) as client:
        if for_ever:
            with pytest.raises(ProtocolBroken):
                await client.list_tools()
        else:
            assert await client.list_tools() == ()

    assert len(script.messages("initialize")) == 2
    assert "mcp-session-id" not in script.asked[3][0].headers


async def test_without_an_elicitation_handler_the_capability_is_not_declared() -> None:
    script = Script(lambda _, message: result(message, tools=[]))

    async with McpClient(URL, transport=script) as client:
        await client.list_tools()

    (request,) = script.messages("tools/list")
    meta = request["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}


@pytest.mark.parametrize(("supported", "greets"), [(["2026-07-28"], False), (["2025-11-25"], True)])
async def test_a_refused_version_is_replaced_by_one_that_the_server_supports(
    supported: list[str], greets: bool
) -> None:
    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if message["method"] == "initialize":
            return result(message, protocolVersion="2025-11-25")
        if len(script.asked) == 1:
            return error(400, -32022, message, {"supported": supported})
        return result(message, tools=[])

    script = Script(answer)
    async with McpClient(URL, transport=script) as client:
        assert await client.list_tools() == ()

    assert bool(script.messages("initialize")) is greets


@pytest.mark.parametrize("data", [None, {"supported": ["3000-01-01"]}, {"supported": [7]}, []])
async def test_an_unsupported_version_is_not_tried(data: Any) -> None:
    script = Script(lambda _, message: error(400, -32022, message, data))

    async with McpClient(URL, transport=script) as client:
        with pytest.raises(CallFailed):
            await client.list_tools()

    assert len(script.asked) == 1
