"""An upstream that is gone, broken or slow, and a caller that disconnects."""

import asyncio

import pytest

from doorward.gateway import Gateway, Route
from doorward.serving import listen
from tests.e2e.raw_http import request
from tests.gateway.running_gateway import (
    RunningGateway,
    listening,
    open_until_left,
    running_gateway,
)
from tests.ledger import proves
from tests.net.tls_server import Place, ok

TOKEN = "/realms/mcp-realm/protocol/openid-connect/token"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_an_upstream_that_is_not_running_is_a_502() -> None:
    (free, *rest) = listen(0)
    port = free.getsockname()[1]
    for sock in (free, *rest):
        sock.close()
    app = Gateway(
        public="http://localhost:9090",
        routes=[Route(path="/mcp", upstream=f"http://127.0.0.1:{port}")],
    )

    async with listening(app) as where:
        got = await RunningGateway(where, Place()).get("/mcp")

    assert (got.status, got.json["error"]) == (502, "upstream-unreachable")
    assert got.header("retry-after") == "5"
    assert str(port) not in got.body.decode()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"nonsense\r\n\r\n", id="no-http"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="no-length"),
    ],
)
async def test_a_malformed_upstream_response_is_a_502(answer: bytes) -> None:
    async with running_gateway(answer) as gateway:
        got = await gateway.get(TOKEN)

    assert (got.status, got.json["error"]) == (502, "upstream-broken")


async def test_an_upstream_response_that_starts_too_late_is_a_504() -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with running_gateway(never, timeout=0.05) as gateway:
        got = await gateway.get(TOKEN)

    assert (got.status, got.json["error"]) == (504, "upstream-slow")


async def test_a_response_that_breaks_off_does_not_look_complete() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with running_gateway(half) as gateway:
        got = await gateway.get(TOKEN)

    assert (got.header("content-length"), got.body) == ("100", b"half")
    assert [one.reason for one in gateway.events] == ["forwarded", "upstream-broken"]


async def test_each_event_is_forwarded_at_once_and_pauses_are_allowed() -> None:
    heard = asyncio.Event()

    async def events(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + _chunk(b"data: 1\n\n"))
        await writer.drain()
        await heard.wait()
        writer.write(_chunk(b"data: 2\n\n") + b"0\r\n\r\n")
        await writer.drain()

    async with running_gateway(events, timeout=0.05) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request("GET", "/mcp", b""))
        # The first is here although the second was not sent: nothing collects them on the way.
        await reader.readuntil(b"data: 1\n\n")
        # Longer than an answer that is no stream of events may be silent.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"data: 2\n\n"), 0.2)
        heard.set()
        await reader.readuntil(b"data: 2\n\n")
        writer.close()


@pytest.mark.parametrize(
    "begun", [pytest.param(EVENTS + b"1\r\n:\r\n", id="amid"), pytest.param(b"", id="before")]
)
async def test_a_caller_that_disconnects_ends_the_upstream_request(begun: bytes) -> None:
    async with open_until_left(begun) as (origin, asked, left):
        app = Gateway(public="http://localhost:9090", routes=[Route(path="/mcp", upstream=origin)])
        async with listening(app) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("GET", "/mcp", b""))
            await (reader.readuntil(b":\r\n") if begun else asked.wait())
            assert not left.is_set()
            writer.close()

            await asyncio.wait_for(left.wait(), 10)


async def test_the_query_is_not_logged() -> None:
    async with running_gateway(ok(b"")) as gateway:
        await gateway.get(f"{TOKEN}?code=a-secret-code")

    assert "a-secret-code" not in repr(gateway.events)


@proves("S163", "refuses", "limits per principal")
async def test_a_server_gets_no_more_requests_at_once_than_connections_says() -> None:
    entered, may_end = asyncio.Event(), asyncio.Event()

    async def streams(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS)
        await writer.drain()
        entered.set()
        await may_end.wait()
        writer.write(_chunk(b""))
        await writer.drain()

    async with running_gateway(streams, connections=1, timeout=0.3) as gateway:
        first = asyncio.create_task(gateway.get("/mcp"))
        await entered.wait()
        second = await gateway.get("/mcp")
        seen = len(gateway.upstream.requests)
        may_end.set()
        await first
        after = await gateway.get("/mcp")

    assert (second.status, second.json["error"]) == (504, "upstream-slow")
    assert seen == 1
    assert after.status == 200
