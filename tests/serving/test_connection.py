"""Requests on one connection are read in one way and answered in order."""

import asyncio
from typing import Any

import pytest

from tests.serving.raw_client import GET, Echo, FakeTransport, RawClient, post, settle


async def test_a_response_of_known_length_is_written_at_once() -> None:
    client = RawClient(Echo())

    await client.send(post(b"hello"))

    assert len(client.transport.writes) == 1
    [(status, headers, body)] = client.answers("POST")
    assert (status, body) == (200, b"hello")
    assert headers["content-type"] == "text/plain"
    assert not client.transport.closed


async def test_the_application_gets_method_path_query_and_headers() -> None:
    echo = Echo()
    await RawClient(echo).send(
        b"GET /a%20b?x=%2F HTTP/1.1\r\nHost: mcp.example\r\nX-Up: One\r\n\r\n"
    )

    [scope] = echo.scopes
    assert scope["method"] == "GET"
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (
        "/a b",
        b"/a%20b",
        b"x=%2F",
    )
    assert scope["headers"] == [(b"host", b"mcp.example"), (b"x-up", b"One")]
    assert (scope["client"], scope["server"]) == (("127.0.0.1", 4000), ("127.0.0.1", 9000))
    assert (scope["scheme"], scope["http_version"], scope["root_path"]) == ("http", "1.1", "")


async def test_a_client_of_ipv6_is_an_address_and_a_port_as_well() -> None:
    echo = Echo()
    await RawClient(echo, transport=FakeTransport(("::1", 4000, 0, 0))).send(GET)

    assert echo.scopes[0]["client"] == ("::1", 4000)


async def test_a_target_in_absolute_form_is_its_path() -> None:
    echo = Echo()
    await RawClient(echo).send(
        b"GET http://mcp.example/mcp?a=1 HTTP/1.1\r\nHost: mcp.example\r\n\r\n"
    )

    assert echo.scopes[0]["path"] == "/mcp"
    assert echo.scopes[0]["query_string"] == b"a=1"


async def test_a_request_that_comes_byte_by_byte_is_the_same_request() -> None:
    echo = Echo()
    client = RawClient(echo)

    await client.send(*(bytes([one]) for one in post(b"hello")))

    assert client.answers("POST")[0][2] == b"hello"
    assert echo.scopes[0]["headers"][0] == (b"host", b"mcp.example")


async def test_pipelined_requests_are_answered_in_order() -> None:
    client = RawClient(Echo())

    await client.send(post(b"one") + post(b"two") + post(b"three"))

    assert [body for _, _, body in client.answers("POST", "POST", "POST")] == [
        b"one",
        b"two",
        b"three",
    ]
    assert client.transport.reading


async def test_reading_pauses_while_pipelined_requests_wait() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    client = RawClient(slow)
    await client.send(post(b"one") + post(b"two"))
    assert (client.transport.reading, client.transport.writes) == (False, [])

    go_on.set()
    await settle()

    assert len(client.answers("POST", "POST")) == 2
    assert client.transport.reading


async def test_a_chunked_body_is_joined_and_its_trailers_are_dropped() -> None:
    echo = Echo()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-User\r\n\r\n"
    client = RawClient(echo)

    await client.send(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\nX-User: root\r\n\r\n")

    assert client.answers("POST")[0][2] == b"abcde"
    assert b"x-user" not in dict(echo.scopes[0]["headers"])


async def test_an_unread_body_pauses_reading() -> None:
    async def busy(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    client = RawClient(busy)
    await client.send(post(b"x" * 1_000_000)[:100_000])

    assert not client.transport.reading
    client.connection.connection_lost(None)
    for task in client.state.tasks:
        task.cancel()


async def test_reading_resumes_when_the_application_reads() -> None:
    client = RawClient(Echo())
    whole = post(b"x" * 200_000)

    await client.send(whole[:100_000])
    assert client.transport.reading
    await client.send(whole[100_000:])

    assert client.answers("POST")[0][2] == b"x" * 200_000


@pytest.mark.parametrize("said", [b"Expect: 100-continue", b"expect: 100-Continue"])
async def test_100_continue_is_sent_when_the_body_is_read(
    said: bytes,
) -> None:
    client = RawClient(Echo())
    whole = post(b"hello", said)

    await client.send(whole[:-5])
    assert client.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"hel")
    await client.send(b"lo")
    # Once is enough, and nobody else is told so.
    assert client.received.count(b"100 Continue") == 1

    assert client.received.endswith(b"hello")


async def test_100_continue_is_sent_only_on_expect() -> None:
    client = RawClient(Echo())

    await client.send(post(b"hello", b"Expect: a-miracle")[:-5])
    assert client.received == b""
    await client.send(b"hello")

    assert client.answers("POST")[0][2] == b"hello"


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: x\r\n X-Folded: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET /Zoë HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
async def test_a_malformed_request_is_refused_and_closes_the_connection(sent: bytes) -> None:
    echo = Echo()
    client = RawClient(echo)

    await client.send(sent)

    assert client.answers("GET")[0][0] == 400
    assert (client.transport.closed, echo.scopes) == (True, [])


async def test_an_upgrade_is_ignored() -> None:
    client = RawClient(Echo())
    asks = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"

    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + asks + b"\r\n")

    assert client.answers("GET")[0][0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    ],
)
async def test_a_connection_closes_when_the_client_asks(head: bytes) -> None:
    client = RawClient(Echo())

    await client.send(head)

    [(status, headers, _)] = client.answers("GET")
    assert (status, headers["connection"]) == (200, "close")
    assert client.transport.closed


async def test_a_server_that_stops_ends_idle_connections_at_once_and_busy_ones_after_their_answer() -> (
    None
):
    go_on = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    idle, busy = RawClient(slow), RawClient(slow)
    await busy.send(GET)
    idle.connection.shutdown()
    busy.connection.shutdown()
    assert (idle.transport.closed, busy.transport.closed) == (True, False)

    go_on.set()
    await settle()

    assert busy.answers("GET")[0][1]["connection"] == "close"
    assert busy.transport.closed
    assert busy.state.tasks == set()


async def test_a_disconnect_is_reported_and_nothing_more_is_sent() -> None:
    heard: list[str] = []

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        heard.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    client = RawClient(waits)
    await client.send(GET)
    client.connection.connection_lost(None)
    await settle()

    assert heard == ["http.disconnect"]
    assert client.transport.writes == []
    assert client.state.connections == set()
    assert client.state.tasks == set()


async def test_what_follows_an_upgrade_is_not_read_as_a_request() -> None:
    echo = Echo()
    client = RawClient(echo)
    asks = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    await client.send(asks)

    assert client.answers("GET")[0][1]["connection"] == "close"
    assert (len(echo.scopes), client.transport.closed) == (1, True)


async def test_a_cancelled_application_closes_the_connection() -> None:
    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    client = RawClient(waits)
    await client.send(GET)
    for task in client.state.tasks:
        task.cancel()
    await settle()

    assert client.transport.closed
    assert client.state.tasks == set()
