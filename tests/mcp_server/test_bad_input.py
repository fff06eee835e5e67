"""Bad input gets an error with the right status, and the server continues to serve."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.mcp_server import McpServer
from doorward.wire.jsonrpc.envelope import SCOPE_KEY, Envelope
from tests.ledger import proves
from tests.mcp_server.rpc_client import CLIENT, META, MODERN, RpcClient, rpc_client

LIMIT = 10_000


def counting_server() -> tuple[McpServer, list[int]]:
    server = McpServer("test", version="1.0", max_body=LIMIT)
    calls: list[int] = []

    @server.tool()
    async def count(by: int = 1) -> int:
        calls.append(by)
        return sum(calls)

    return server, calls


def request_text(**changed: str) -> bytes:
    """Return a call of ``count`` as JSON text, with some members written differently."""
    members = {
        "jsonrpc": '"2.0"',
        "id": "1",
        "method": '"tools/call"',
        "params": json.dumps({"name": "count", "arguments": {}, "_meta": META}),
        **changed,
    }
    inside = ",".join(f'"{name}":{text}' for name, text in members.items())
    return ("{" + inside + "}").encode()


HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "count"}
GOOD_PARAMS = json.dumps({"name": "count", "arguments": {}, "_meta": META})[1:-1]


async def still_serves(peer: RpcClient, calls: list[int]) -> None:
    calls.clear()
    assert (await peer.call("count")).content_text == "1"


@proves("S151", "accepts", "one reading per message")
async def test_an_unambiguous_message_is_served() -> None:
    server, calls = counting_server()
    async with rpc_client(server) as peer:
        answer = await peer.post(request_text(), HEADERS, "tools/call")

    assert answer.content_text == "1"
    assert calls == [1]


@proves("S151", "refuses", "one reading per message")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", -32700, id="nothing"),
        pytest.param(b"{", -32700, id="half"),
        pytest.param(b"\xef\xbb\xbf" + request_text(), -32700, id="byte-order-mark"),
        pytest.param(request_text().decode().encode("utf-16"), -32700, id="utf-16"),
        pytest.param(request_text() + b"{}", -32700, id="trailing"),
        pytest.param(request_text()[:-1] + b',"method":"ping"}', -32700, id="two-methods"),
        pytest.param(request_text()[:-1] + b',"Method":"ping"}', -32600, id="method-in-capitals"),
        pytest.param(
            request_text(params='{"name":"count","name":"other",' + GOOD_PARAMS + "}"),
            -32700,
            id="two-names",
        ),
        pytest.param(
            request_text(params='{"Name":"other",' + GOOD_PARAMS + "}"),
            -32602,
            id="name-in-capitals",
        ),
        pytest.param(
            request_text(params='{"name":"count","arguments":{"by":1,"by":9}}'),
            -32700,
            id="two-arguments-of-one-name",
        ),
        pytest.param(b"[" + request_text() + b"]", -32600, id="batch"),
        pytest.param(b"[]", -32600, id="empty-batch"),
        pytest.param(b'"tools/call"', -32600, id="a-string"),
        pytest.param(b"null", -32600, id="null"),
        pytest.param(request_text(id="9223372036854775808"), -32600, id="an-id-of-2-to-the-63"),
        pytest.param(request_text(id="1.0"), -32600, id="a-fraction-for-an-id"),
        pytest.param(request_text(id="null"), -32600, id="null-for-an-id"),
        pytest.param(request_text(id="true"), -32600, id="a-boolean-for-an-id"),
        pytest.param(request_text(id="[1]"), -32600, id="a-list-for-an-id"),
        pytest.param(request_text(method='"tools/call\\u0000"'), -32600, id="nul-in-the-method"),
        pytest.param(request_text(method="7"), -32600, id="a-number-for-a-method"),
        pytest.param(request_text(params="[]"), -32600, id="a-list-for-params"),
        pytest.param(request_text(params='"x"'), -32600, id="a-string-for-params"),
        pytest.param(request_text(jsonrpc='"1.0"'), -32600, id="another-jsonrpc"),
        pytest.param(request_text(id="NaN"), -32700, id="nan"),
        pytest.param(
            request_text(params='{"arguments":' + "[" * 1000 + "]" * 1000 + "}"), -32700, id="deep"
        ),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":{}}', -32600, id="a-response"),
    ],
)
async def test_an_ambiguous_message_is_refused_before_the_tool_runs(body: bytes, code: int) -> None:
    server, calls = counting_server()
    async with rpc_client(server) as peer:
        answer = await peer.post(body, HEADERS)
        assert (answer.status, answer.error["code"]) == (400, code)
        assert not calls
        await still_serves(peer, calls)


async def test_a_request_without_an_id_is_refused_before_the_tool_runs() -> None:
    server, calls = counting_server()
    body = json.loads(request_text())
    del body["id"]
    async with rpc_client(server) as peer:
        answer = await peer.post(body, HEADERS)

    assert (answer.status, answer.error["code"]) == (400, -32600)
    assert not calls


@proves("S150", "accepts", "headers agree with the body")
@pytest.mark.parametrize("name", ["count", "=?base64?Y291bnQ=?="])
async def test_a_request_whose_headers_match_the_body_is_served(name: str) -> None:
    server, _ = counting_server()
    async with rpc_client(server) as peer:
        answer = await peer.post(request_text(), {**HEADERS, "mcp-name": name}, "tools/call")

    assert answer.content_text == "1"


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize(
    "changed",
    [
        {"mcp-name": "other"},
        {"mcp-name": "COUNT"},
        {"mcp-name": "=?base64?b3RoZXI=?="},
        {"mcp-name": None},
        {"mcp-method": "tools/list"},
        {"mcp-method": None},
        {"mcp-protocol-version": "2025-11-25"},
        {"mcp-protocol-version": None},
    ],
    ids=repr,
)
async def test_a_request_whose_headers_differ_from_the_body_is_refused(
    changed: dict[str, str | None],
) -> None:
    server, calls = counting_server()
    headers = {name: value for name, value in {**HEADERS, **changed}.items() if value is not None}
    async with rpc_client(server) as peer:
        answer = await peer.post(request_text(), headers)

    assert (answer.status, answer.error["code"]) == (400, -32020)
    assert not calls


@pytest.mark.parametrize("missing", ["protocolVersion", "clientCapabilities"])
async def test_a_modern_request_without_its_metadata_is_refused(missing: str) -> None:
    server, _ = counting_server()
    meta = {name: value for name, value in META.items() if not name.endswith(missing)}
    body = {"jsonrpc": "2.0", "id": 5, "method": "tools/list", "params": {"_meta": meta}}
    async with rpc_client(server) as peer:
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
        answer = await peer.post(body, headers)

    assert (answer.status, answer.error["code"], answer.message["id"]) == (400, -32602, 5)


async def test_an_unknown_version_is_refused_with_the_supported_ones() -> None:
    server, _ = counting_server()
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    body = {"jsonrpc": "2.0", "id": 5, "method": "server/discover", "params": {"_meta": meta}}
    async with rpc_client(server) as peer:
        headers = {"mcp-protocol-version": "2099-01-01", "mcp-method": "server/discover"}
        answer = await peer.post(body, headers)

    assert (answer.status, answer.error["code"]) == (400, -32022)
    assert answer.error["data"] == {"supported": [MODERN], "requested": "2099-01-01"}


@proves("S165", "accepts", "ambiguous framing")
async def test_a_body_of_exactly_the_limit_is_read() -> None:
    server, _ = counting_server()
    body = request_text()
    async with rpc_client(server) as peer:
        answer = await peer.post(body + b" " * (LIMIT - len(body)), HEADERS, "tools/call")

    assert answer.content_text == "1"


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in-chunks"])
async def test_a_body_over_the_limit_is_refused_before_it_is_parsed(announced: bool) -> None:
    server, calls = counting_server()
    body = request_text()
    body += b" " * (LIMIT - len(body) + 1)

    async def chunks() -> Any:
        yield body[:5000]
        yield body[5000:]

    async with rpc_client(server) as peer:
        headers = {**HEADERS, "content-type": "application/json"}
        content = body if announced else chunks()
        response = await peer.http.post("/mcp", content=content, headers=headers)
        assert response.status_code == 413
        assert response.json()["error"]["code"] == -32600
        assert not calls
        await still_serves(peer, calls)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/json2",
    ],
)
async def test_a_body_that_a_web_form_could_send_is_refused(kind: str) -> None:
    server, calls = counting_server()
    async with rpc_client(server) as peer:
        answer = await peer.post(request_text(), {**HEADERS, "content-type": kind})

    assert answer.status == 415
    assert not calls


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_content_types_may_have_parameters_and_upper_case(kind: str) -> None:
    server, _ = counting_server()
    async with rpc_client(server) as peer:
        answer = await peer.post(request_text(), {**HEADERS, "content-type": kind}, "tools/call")

    assert answer.content_text == "1"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5, application/json;q=0.9", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("application/json", 200),
        ("text/event-stream", 406),
        ("text/html", 406),
    ],
)
async def test_the_accept_header_must_allow_json(accept: str, status: int) -> None:
    server, _ = counting_server()
    async with rpc_client(server) as peer:
        answer = await peer.post(request_text(), {**HEADERS, "accept": accept}, "tools/call")

    assert answer.status == status


async def test_the_parsed_message_of_the_guard_is_used() -> None:
    server, calls = counting_server()
    left = Envelope(
        method="tools/call",
        id="from-the-guard",
        is_notification=False,
        params={"name": "count", "arguments": {"by": 5}},
        name="count",
        protocol_version=MODERN,
        body=b"",
    )

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        scope[SCOPE_KEY] = left
        await server.asgi(scope, receive, send)

    transport = httpx2.ASGITransport(app=guarded)
    # The guard knows the public address; the transport's own list of hosts is not asked.
    async with httpx2.AsyncClient(transport=transport, base_url="https://mcp.example") as http:
        response = await http.post(
            "/mcp", content=b"not read", headers={"content-type": "application/json"}
        )

    assert response.json()["id"] == "from-the-guard"
    assert calls == [5]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    params=JSON,
    method=st.sampled_from(
        ["tools/call", "tools/list", "prompts/get", "initialize", "server/discover", "ping"]
    ),
    modern=st.booleans(),
    name=JSON,
    arguments=JSON,
)
async def test_every_request_gets_a_response(
    params: Any, method: str, modern: bool, name: Any, arguments: Any
) -> None:
    server, _ = counting_server()
    server.prompt(name="count")(lambda text="x": text)
    if isinstance(params, dict):
        params = {"name": name, "arguments": arguments, **CLIENT, **params}
        if modern:
            params["_meta"] = META
    headers = {"mcp-method": method}
    headers["mcp-protocol-version"] = MODERN if modern else "2025-11-25"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with rpc_client(server, headers["mcp-protocol-version"]) as peer:
        answer = await peer.post(body, headers, method)

    assert answer.status in (200, 400, 404)
    assert answer.message.get("id") == 1 or answer.status == 400
