"""When the server behind is gone, broken or slow; and when the caller leaves."""

import asyncio

import pytest

from doorward.gateway import Gateway, Route
from doorward.serving import listen
from tests.e2e.raw_http import request
from tests.gateway.stand import Stand, listening, open_until_left, standing
from tests.net.tls_server import Place, ok

TOKEN = "/realms/mcp-realm/protocol/openid-connect/token"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_a_server_that_is_not_running_is_a_502_that_says_so() -> None:
    (free, *rest) = listen(0)
    port = free.getsockname()[1]
    for sock in (free, *rest):
        sock.close()
    gate = Gateway(
        public="http://localhost:9090",
        routes=[Route(path="/mcp", upstream=f"http://127.0.0.1:{port}")],
    )

    async with listening(gate) as where:
        got = await Stand(where, Place()).get("/mcp")

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
async def test_an_answer_that_is_none_is_a_502(answer: bytes) -> None:
    async with standing(answer) as stand:
        got = await stand.get(TOKEN)

    assert (got.status, got.json["error"]) == (502, "upstream-broken")


async def test_an_answer_that_does_not_begin_in_time_is_a_504() -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with standing(never, timeout=0.05) as stand:
        got = await stand.get(TOKEN)

    assert (got.status, got.json["error"]) == (504, "upstream-slow")


async def test_an_answer_that_breaks_off_does_not_look_whole() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with standing(half) as stand:
        got = await stand.get(TOKEN)

    assert (got.header("content-length"), got.body) == ("100", b"half")
    assert [one.reason for one in stand.told] == ["forwarded", "upstream-broken"]


async def test_each_event_arrives_when_it_is_sent_and_silence_between_them_is_allowed() -> None:
    heard = asyncio.Event()

    async def events(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + _chunk(b"data: 1\n\n"))
        await writer.drain()
        await heard.wait()
        writer.write(_chunk(b"data: 2\n\n") + b"0\r\n\r\n")
        await writer.drain()

    async with standing(events, timeout=0.05) as stand:
        reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
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
async def test_a_caller_who_leaves_ends_the_request_behind_too(begun: bytes) -> None:
    async with open_until_left(begun) as (origin, asked, left):
        gate = Gateway(public="http://localhost:9090", routes=[Route(path="/mcp", upstream=origin)])
        async with listening(gate) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("GET", "/mcp", b""))
            await (reader.readuntil(b":\r\n") if begun else asked.wait())
            assert not left.is_set()
            writer.close()

            await asyncio.wait_for(left.wait(), 10)


async def test_codes_in_a_query_are_not_written_down() -> None:
    async with standing(ok(b"")) as stand:
        await stand.get(f"{TOKEN}?code=a-secret-code")

    assert "a-secret-code" not in repr(stand.told)
