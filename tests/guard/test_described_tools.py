"""Each tool in a list says what it needs, on every kind of server and in every form of a list."""

import json
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from doorward import Guard, Policy, Rule
from doorward.testing import TokenMint
from tests.guard.public_servers import BASE, BUILDS, RESOURCE, RULES, AnyServer, guards
from tests.guard.test_public import message, send
from tests.quickstart.calling import serving

NOAUTH = [{"type": "noauth"}]
REFUND = [{"type": "oauth2", "scopes": ["shop:read", "shop:refund"]}]
BOTH = {"shop:read", "shop:refund"}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
JSON = (b"content-type", b"application/json")
EVENTS = (b"content-type", b"text/event-stream")


@pytest.fixture(scope="module")
def mint() -> TokenMint:
    return TokenMint(issuer="https://login.example", audience=RESOURCE)


def described(answer: httpx2.Response) -> dict[str, Any]:
    """Return the schemes of each tool, which are the same at both of their places."""
    tools = message(answer)["result"]["tools"]
    assert all(one["_meta"]["securitySchemes"] == one["securitySchemes"] for one in tools)
    return {one["name"]: one["securitySchemes"] for one in tools}


async def listed_as_in_2025(client: httpx2.AsyncClient, token: str | None) -> httpx2.Response:
    """Return the list that a client of 2025-11-25 gets."""
    headers = {"accept": "application/json, text/event-stream"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"

    async def post(method: str, params: Any) -> httpx2.Response:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await client.post("/mcp", json=body, headers=headers)

    began = await post("initialize", INITIALIZE)
    if (session := began.headers.get("mcp-session-id")) is not None:
        headers["mcp-session-id"] = session
    headers["mcp-protocol-version"] = "2025-11-25"
    return await post("tools/list", {})


@pytest.mark.parametrize("kind", BUILDS)
async def test_a_list_says_what_each_tool_needs_in_both_eras(mint: TokenMint, kind: str) -> None:
    alice = mint.mint("alice", scopes=BOTH)
    async with serving(BUILDS[kind](guards(mint))) as client:
        stranger = described(await send(client, "tools/list"))
        modern = described(await send(client, "tools/list", alice))
        legacy = described(await listed_as_in_2025(client, alice))

    assert stranger == {"hello": NOAUTH}
    assert modern == legacy == {"hello": NOAUTH, "refund": REFUND}


@pytest.mark.parametrize("kind", BUILDS)
async def test_the_switch_leaves_lists_as_they_are(mint: TokenMint, kind: str) -> None:
    alice = mint.mint("alice", scopes=BOTH)
    async with serving(BUILDS[kind](guards(mint, security_schemes=False))) as client:
        answer = await send(client, "tools/list", alice)

    assert "securitySchemes" not in answer.text


class Lists:
    """An application whose answers are these chunks with these headers; ``asked`` are its requests."""

    def __init__(self, kind: tuple[bytes, bytes], chunks: Sequence[bytes], *more: Any) -> None:
        self.headers = [kind, *more]
        self.chunks = chunks
        self.asked: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await AnyServer()(scope, receive, send)
            return
        self.asked.append(dict(scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def answer_of(app: Lists, mint: TokenMint, **headers: str) -> httpx2.Response:
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    async with serving(guard.protect(app)) as client:
        return await send(client, "tools/list", mint.mint("alice", scopes=BOTH), **headers)


async def test_what_the_server_says_is_replaced_and_the_rest_stays_byte_for_byte(
    mint: TokenMint,
) -> None:
    claimed = b'"securitySchemes":[{"type":"noauth"}]'
    rest = b'"inputSchema":{"n":1.0,"big":123456789012345678901,"\\u00e9":"\xc3\xa9"}'
    tool = b'{"name":"refund",%s,%s,"_meta":{"ui":1e2,%s}}' % (claimed, rest, claimed)
    nobody = b'{"name":"unknown",%s,"_meta":{%s}}' % (claimed, claimed)
    body = b'{"jsonrpc":"2.0","id":1,"result":{"ttlMs":5,"tools":[%s,%s,7]}}' % (tool, nobody)
    answer = await answer_of(Lists(JSON, [body[:40], body[40:]]), mint)

    refund, unknown, odd = message(answer)["result"]["tools"]
    assert refund["securitySchemes"] == refund["_meta"]["securitySchemes"] == REFUND
    assert rest in answer.content
    assert b'"ui":1e2' in answer.content
    # Nobody may call it, so nothing that a client can get would help.
    assert unknown == {"name": "unknown", "_meta": {}}
    assert odd == 7
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_events_are_passed_on_and_lists_in_them_described(mint: TokenMint) -> None:
    note = b'event: message\r\ndata: {"method":"notifications/message","params":{}}\r\n\r\n'
    parts = [
        note,
        b": ping\n\nid: 7\ndata: not json\n\n",
        b'id: 8\ndata: {"id":1,"result":{"tools":[\ndata: {"name":"ref',
        b'und"}]}}\n\n',
    ]
    answer = await answer_of(Lists(EVENTS, parts, (b"content-length", b"9999")), mint)

    assert "content-length" not in answer.headers
    assert answer.content.startswith(note + b": ping\n\nid: 7\ndata: not json\n\nid: 8\n")
    data = json.loads(answer.text.rpartition("data: ")[2])
    assert data["result"]["tools"][0]["securitySchemes"] == REFUND


async def test_a_list_in_the_rest_of_an_interrupted_stream_is_described(mint: TokenMint) -> None:
    app = Lists(EVENTS, [b'id: 2\ndata: {"id":1,"result":{"tools":[{"name":"hello"}]}}\n\n'])
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    headers = {
        "authorization": f"Bearer {mint.mint('alice', scopes=BOTH)}",
        "accept": "text/event-stream",
    }
    async with serving(guard.protect(app)) as client:
        resumed = await client.get("/mcp", headers=headers | {"last-event-id": "1"})
        opened = await client.get("/mcp", headers=headers)

    assert json.loads(resumed.text.rpartition("data: ")[2])["result"]["tools"] == [
        {"name": "hello", "securitySchemes": NOAUTH, "_meta": {"securitySchemes": NOAUTH}}
    ]
    assert "securitySchemes" not in opened.text


@pytest.mark.parametrize(
    ("kind", "body", "more"),
    [
        (JSON, b"not json", []),
        (JSON, b'[{"result":{"tools":[]}}]', []),
        (JSON, b'{"result":{"tools":{"name":"hello"}}}', []),
        (JSON, b'{"error":{"code":1,"message":"tools"}}', []),
        (JSON, b"", []),
        ((b"content-type", b"text/plain"), b'{"result":{"tools":[{"name":"hello"}]}}', []),
    ],
)
async def test_what_is_no_list_is_passed_on(
    mint: TokenMint, kind: Any, body: bytes, more: list[Any]
) -> None:
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    app = Lists(kind, [body], *more)
    alice = mint.mint("alice", scopes=BOTH)
    async with serving(guard.protect(app)) as client:
        answer = await client.send(
            client.build_request(
                "POST",
                "/mcp",
                json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
                headers={"authorization": f"Bearer {alice}", "accept-encoding": "gzip"},
            ),
            stream=True,
        )
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert (answer.status_code, raw) == (200, body)
    # What is compressed could not be described.
    assert b"accept-encoding" not in app.asked[0]


async def test_a_list_that_is_compressed_all_the_same_is_not_sent(mint: TokenMint) -> None:
    answer = await answer_of(Lists(JSON, [b"\x1f\x8b"], (b"content-encoding", b"gzip")), mint)

    assert answer.status_code == 503
    assert answer.json()["error"]["data"]["reason"] == "list-not-readable"


async def test_a_list_without_end_is_not_kept(
    mint: TokenMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.guard.lists.list_response.LONGEST", 100)
    pieces = [b'{"result":"', *[b"x" * 20] * 10]
    whole = await answer_of(Lists(JSON, pieces), mint)
    # Clients of ASGI in this process accept no answer without an end.
    with pytest.raises(AssertionError):
        await answer_of(Lists(EVENTS, [b"data: 1\n\ndata: ", *pieces]), mint)

    assert whole.status_code == 503
    assert whole.json()["error"]["data"]["reason"] == "list-not-readable"


async def test_other_methods_are_passed_on_with_their_encoding(mint: TokenMint) -> None:
    app = Lists(JSON, [b'{"result":{"tools":[{"name":"hello"}]}}'])
    guard = guards(mint)(Policy(base=BASE, rules=RULES))
    async with serving(guard.protect(app)) as client:
        answer = await send(client, "ping", mint.mint("alice", scopes=BOTH))

    assert "securitySchemes" not in answer.text
    assert b"accept-encoding" in app.asked[0]


async def test_a_guard_of_api_keys_alone_speaks_of_no_sign_in(tmp_path: Any) -> None:
    keys = tmp_path / "keys"
    keys.write_text('{"version": 1, "keys": []}')
    keys.chmod(0o600)
    rules = {("tools/call", "hello"): Rule(public=True)}
    guard = Guard(resource=RESOURCE, policy=Policy(rules=rules), api_keys=keys)
    async with serving(guard.protect(AnyServer("hello"))) as client:
        answer = await send(client, "tools/list")

    assert message(answer)["result"]["tools"] == [
        {"name": "hello", "inputSchema": {"type": "object"}}
    ]
