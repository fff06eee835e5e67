"""Lists behind a gateway have what the caller may use, as JSON and as an event stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.gateway.refusals import UpstreamBroken
from doorward.gateway.upstream.exchange import UpstreamResponse
from doorward.gateway.upstream.shortened_lists import ShortenedLists
from doorward.guard.lists.list_response import LONGEST
from doorward.identity import SCOPE_KEY, Identity
from doorward.policy import Operation
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import read_envelope
from tests.ledger import proves
from tests.mcp_server.rpc_client import person

TOOLS = {"tools": [{"name": "add"}, {"name": "delete"}], "nextCursor": "2"}
ONLY_ADD = {"tools": [{"name": "add"}], "nextCursor": "2"}
JSON, EVENTS = b"application/json", b"text/event-stream"


def permits(identity: Identity | None, operation: Operation) -> bool:
    """Let everybody add, and ``admin`` do the rest."""
    return operation.name == "add" or (identity is not None and identity.subject == "admin")


def scope(method: str | None = "tools/list", who: str = "alice") -> dict[str, Any]:
    """Return the scope of a POST with this method; of a GET without one."""
    found: dict[str, Any] = {"method": "GET" if method is None else "POST"}
    if method is not None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}})
        found[ENVELOPE_KEY] = read_envelope(body.encode(), [])
    return {**found, SCOPE_KEY: person(who)}


async def shown(
    *chunks: bytes, kind: bytes = JSON, of: dict[str, Any] | None = None, **headers: str
) -> bytes:
    """Return what the caller gets of a response in these chunks."""

    async def arriving() -> Any:
        for chunk in chunks:
            yield chunk

    asked = of or scope()
    sent = [(b"content-type", kind), (b"content-length", b"1")]
    sent += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    lists = ShortenedLists(permits)
    response = UpstreamResponse(200, sent, arriving())
    found = await lists.shortened(response, lists.methods_in(asked), asked)
    return b"".join([chunk async for chunk in found.chunks])


def answer(result: Any = TOOLS) -> bytes:
    """Return a JSON-RPC response."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


@proves("S153", "refuses", "denied under every name")
async def test_a_list_lacks_what_the_caller_may_not_use() -> None:
    assert json.loads(await shown(answer()))["result"] == ONLY_ADD


@proves("S153", "accepts", "denied under every name")
async def test_a_list_has_everything_for_who_may_use_everything() -> None:
    assert await shown(answer(), of=scope(who="admin")) == answer()


async def test_a_list_in_a_stream_is_shortened_and_keeps_its_id() -> None:
    stream = b'id: 7\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\nid: 8\ndata: '
    got = await shown(stream + answer() + b"\n\n", kind=EVENTS)

    first, second = got.decode().split("\n\n")[:2]
    assert first == 'id: 7\ndata: {"jsonrpc":"2.0","method":"notifications/x"}'
    assert second.startswith("id: 8\ndata: ")
    assert json.loads(second.removeprefix("id: 8\ndata: "))["result"] == ONLY_ADD


@pytest.mark.parametrize("method", [None, "tools/list"])
async def test_the_rest_of_an_interrupted_stream_is_shortened_too(method: str | None) -> None:
    got = await shown(b"data: " + answer() + b"\n\n", kind=EVENTS, of=scope(method))

    assert b"delete" not in got


def test_other_responses_are_not_read() -> None:
    lists = ShortenedLists(permits)

    assert lists.methods_in(scope("tools/call")) == ()
    assert lists.methods_in({"method": "DELETE"}) == ()


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"<html>", {}, "not JSON"),
        (answer(), {"content_encoding": "gzip"}, "compressed"),
        (b" " * (LONGEST + 1), {}, "more than"),
    ],
)
async def test_a_list_that_cannot_be_read_is_not_passed_on(
    body: bytes, headers: dict[str, Any], said: str
) -> None:
    with pytest.raises(UpstreamBroken) as broken:
        await shown(body, **headers)

    assert said in broken.value.detail


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: b"\xef\xbb\xbfdata: " + text + b"\n\n",
        lambda text: b"data:" + text + b"\r\n\r\n",
        lambda text: b"data:  " + text + b"\n\n",
        lambda text: b"data: " + text.replace(b", ", b",\ndata: ") + b"\n\n",
        lambda text: b"event: message\ndata: " + text + b"\nretry: 5\n\n",
        lambda text: b"data: " + text + b"\r\r\n",
    ],
    ids=["byte order mark", "CRLF", "spaces", "several lines", "other fields", "CR"],
)
async def test_no_spelling_of_an_event_hides_a_list(spelled: Any) -> None:
    assert b"delete" not in await shown(spelled(answer()), kind=EVENTS)


@given(st.lists(st.integers(1, 40), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
async def test_the_chunks_of_a_stream_do_not_matter(cuts: list[int], end: bytes) -> None:
    stream = b"id: 1" + end + b"data: " + answer() + end + end + b": ping" + end + end
    chunks, rest = [], stream
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    got = await shown(*chunks, rest, kind=EVENTS)

    assert got == await shown(stream, kind=EVENTS)
    assert b"add" in got
    assert b"delete" not in got
