"""Connections to upstream servers: kept, bounded, and never used for two requests at once."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from doorward.gateway.refusals import UpstreamBroken, UpstreamSlow, UpstreamUnreachable
from doorward.gateway.upstream_http import pool
from doorward.gateway.upstream_http.connection import UpstreamConnection
from doorward.gateway.upstream_http.response_reader import InvalidResponse
from tests.gateway.upstream_http.kept_open import (
    NAME,
    answered,
    kept_open,
    listening,
    to_server,
    upstream_to,
)
from tests.ledger import proves
from tests.net.tls_server import authority, ok

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@proves("S225", "accepts", "connections per host name")
async def test_calls_in_turn_use_one_connection() -> None:
    async with kept_open(lambda number: ok(b"%d" % number)) as server, upstream_to() as upstream:
        bodies = [await answered(upstream, to_server(server)) for _ in range(3)]

    assert bodies == [(200, b"0"), (200, b"1"), (200, b"2")]
    assert server.connections == 1


@proves("S225", "refuses", "connections per host name")
async def test_another_name_at_the_same_address_gets_its_own_connection() -> None:
    async with kept_open(lambda _number: ok(b"")) as server, upstream_to() as upstream:
        await answered(upstream, to_server(server))
        await answered(upstream, to_server(server, host="other.test"))

    assert [number for number, _ in server.requests] == [0, 1]


@proves("S165", "refuses", "ambiguous framing")
async def test_a_response_that_nobody_asked_for_reaches_no_caller() -> None:
    stolen = ok(b"stolen")
    answers = [ok(b"mine") + stolen, ok(b"yours")]
    async with kept_open(answers.__getitem__) as server, upstream_to() as upstream:
        first = await answered(upstream, to_server(server))
        second = await answered(upstream, to_server(server))

    assert (first[1], second[1]) == (b"mine", b"yours")
    assert server.connections == 2


async def test_bytes_on_an_idle_connection_close_it() -> None:
    late, sent = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"first"))
        await late.wait()
        writer.write(ok(b"stolen"))
        sent.set()
        await reader.read()

    async with listening(serve) as request, upstream_to() as upstream:
        assert (await answered(upstream, request))[1] == b"first"
        late.set()
        await sent.wait()
        # The bytes are in the system, and this process has not read them.
        assert (await answered(upstream, request))[1] == b"first"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_request_that_may_have_run_is_not_sent_again(method: str) -> None:
    answers = [ok(b""), None, ok(b"ran twice")]
    async with kept_open(answers.__getitem__) as server, upstream_to() as upstream:
        await answered(upstream, to_server(server))
        with pytest.raises(UpstreamBroken):
            await answered(upstream, to_server(server, method))

    assert [number for number, _ in server.requests] == [0, 0]


async def test_a_safe_request_on_a_closed_connection_is_sent_once_more() -> None:
    answers = [ok(b""), None, ok(b"fine")]
    async with kept_open(answers.__getitem__) as server, upstream_to() as upstream:
        await answered(upstream, to_server(server))
        got = await answered(upstream, to_server(server, "GET"))

    assert got == (200, b"fine")
    assert [number for number, _ in server.requests] == [0, 0, 1]


async def test_a_safe_request_is_not_sent_a_third_time() -> None:
    answers = [ok(b""), None, None]
    async with kept_open(answers.__getitem__) as server, upstream_to() as upstream:
        await answered(upstream, to_server(server))
        with pytest.raises(UpstreamBroken):
            await answered(upstream, to_server(server, "GET"))

    assert len(server.requests) == 3


async def test_a_connection_that_the_server_closed_between_requests_is_not_used() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"fine"))
        await writer.drain()

    async with listening(serve) as request, upstream_to() as upstream:
        got = [await answered(upstream, request) for _ in range(5)]

    assert got == [(200, b"fine")] * 5


async def test_an_idle_connection_is_closed_before_the_server_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "IDLE_LIMIT", 0.0)
    async with kept_open(lambda _number: ok(b"")) as server, upstream_to() as upstream:
        await answered(upstream, to_server(server))
        async with asyncio.timeout(20):
            await server.closed[0].wait()
        await answered(upstream, to_server(server))

    assert [number for number, _ in server.requests] == [0, 1]


async def test_a_server_that_answers_early_does_not_get_the_rest_as_a_request() -> None:
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        # The body is not read while the connection is open.
        await left.wait()

    async with listening(serve) as request, upstream_to() as upstream:
        large = replace(request, body=b"x" * 16 * 1024 * 1024)
        assert await answered(upstream, large) == (413, b"big")
        assert upstream._pool(request.origin).idle() is None
        left.set()


@proves("S163", "accepts", "limits per principal")
async def test_open_streams_leave_all_connections_to_calls() -> None:
    async with (
        kept_open(lambda number: EVENTS if number < 2 else ok(b"called")) as server,
        upstream_to(connections=2) as upstream,
        upstream.send(to_server(server, "GET", is_stream=True)),
        upstream.send(to_server(server, "GET", is_stream=True)),
    ):
        got = await answered(upstream, to_server(server))

    assert got == (200, b"called")


@proves("S163", "refuses", "limits per principal")
@pytest.mark.parametrize("is_stream", [True, False])
async def test_there_are_no_more_of_a_kind_than_connections(is_stream: bool) -> None:
    async with (
        kept_open(lambda _number: EVENTS) as server,
        upstream_to(connections=1) as upstream,
        upstream.send(to_server(server, is_stream=is_stream)),
    ):
        upstream.timeout = 0.01
        with pytest.raises(UpstreamSlow):
            await answered(upstream, to_server(server, is_stream=is_stream))

    assert len(server.requests) == 1


async def test_no_more_is_read_than_the_caller_takes() -> None:
    one = UpstreamConnection(asyncio.get_running_loop())
    with socket.socket() as unused:
        transport = _Transport({"socket": unused})
        one.connection_made(transport)
    begun = asyncio.ensure_future(one.send("GET", b"", b"", None))
    await asyncio.sleep(0)
    one.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    await begun
    one.data_received(b"a" * 64 * 1024)
    assert transport.calls == []

    one.data_received(b"a")
    assert transport.calls == ["pause"]

    assert len(await one.part(None)) == 64 * 1024 + 1
    assert transport.calls == ["pause", "resume"]


async def test_a_connection_that_closed_before_its_first_request_fails_at_once() -> None:
    one = UpstreamConnection(asyncio.get_running_loop())
    with socket.socket() as unused:
        transport = _Transport({"socket": unused})
        one.connection_made(transport)
    transport.closing = True
    one.connection_lost(None)

    with pytest.raises(InvalidResponse, match="before the request"):
        await one.send("POST", b"", b"", None)


class _Transport(asyncio.Transport):
    """Notes when reading stops and goes on."""

    def __init__(self, extra: dict[str, object]) -> None:
        super().__init__(extra)
        self.calls: list[str] = []
        self.closing = False

    def write(self, _data: object) -> None:
        """Send nothing."""

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


async def test_a_caller_that_leaves_closes_the_connection_of_its_request() -> None:
    async with kept_open(lambda _number: EVENTS) as server, upstream_to() as upstream:
        async with upstream.send(to_server(server, "GET")):
            pass
        async with asyncio.timeout(20):
            await server.closed[0].wait()


async def test_a_certificate_for_the_name_is_accepted(tmp_path: Path) -> None:
    theirs, ours = authority(tmp_path, NAME)
    async with (
        kept_open(lambda _number: ok(b"safe"), theirs) as server,
        upstream_to(tls=ours) as up,
    ):
        got = [await answered(up, to_server(server, scheme="https")) for _ in range(2)]

    assert got == [(200, b"safe")] * 2
    assert server.connections == 1


@pytest.mark.parametrize("name", ["other.test", NAME])
async def test_a_certificate_of_another_name_or_authority_is_refused(
    name: str, tmp_path: Path
) -> None:
    theirs, ours = authority(tmp_path, name)
    if name == NAME:
        (tmp_path / "other").mkdir()
        _, ours = authority(tmp_path / "other", NAME)
    async with (
        kept_open(lambda _number: ok(b"never"), theirs) as server,
        upstream_to(tls=ours) as up,
    ):
        with pytest.raises(UpstreamUnreachable) as refused:
            await answered(up, to_server(server, scheme="https"))

    assert "certificate verify failed" in refused.value.detail
    assert server.requests == []


async def test_a_large_body_is_sent_whole() -> None:
    body = b"x" * 3_000_000
    async with kept_open(lambda _number: ok(b"")) as server, upstream_to() as upstream:
        for _ in range(2):
            await answered(upstream, to_server(server, body=body))

    assert [sent.partition(b"\r\n\r\n")[2] == body for _, sent in server.requests] == [True, True]
    assert server.connections == 1
