"""Limits of one connection, in bytes and in seconds."""

import asyncio
from typing import Any

import pytest

from doorward.serving.connection import MAX_DISCARDED_BODY, MAX_HEAD_SIZE
from doorward.serving.timeouts import MIN_BYTES_PER_SECOND, REQUEST_TIMEOUT, STALL_TIMEOUT
from tests.serving.raw_client import GET, Echo, RawClient, post, settle

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_head_that_never_ends_is_refused() -> None:
    client = RawClient(Echo())

    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
    await client.send(*[b"a" * 16_000] * 5)

    assert client.answers("GET")[0][0] == 431
    assert client.transport.closed


async def test_a_long_head_in_one_piece_is_refused() -> None:
    echo = Echo()
    client = RawClient(echo)
    headers = b"".join(b"X-%d: %b\r\n" % (one, b"a" * 1000) for one in range(70))

    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")

    assert client.answers("GET")[0][0] == 431
    assert (client.transport.closed, echo.scopes) == (True, [])


@pytest.mark.parametrize(
    "piece", [b"x: 123456789\r\n" * 500, b"a" * 7000], ids=["many", "one that never ends"]
)
async def test_endless_trailers_close_the_connection(piece: bytes) -> None:
    client = RawClient(Echo())
    await client.send(CHUNKED, b"5\r\nhello\r\n0\r\nx: ")
    sent = 0

    while not client.transport.closed and sent < 4 * MAX_HEAD_SIZE:
        await client.send(piece)
        sent += len(piece)

    assert client.transport.closed
    assert sent <= MAX_HEAD_SIZE + 2 * len(piece)
    assert client.received == b""


async def test_an_endless_chunk_line_closes_the_connection() -> None:
    client = RawClient(Echo())
    await client.send(CHUNKED, b"5\r\nhello\r\n5;x=")

    for _ in range(20):
        await client.send(b"a" * 7000)

    assert client.transport.closed


async def test_a_body_of_many_chunks_may_have_more_lines_than_a_head() -> None:
    client = RawClient(Echo())
    await client.send(CHUNKED)

    for _ in range(200):
        # The line alone, then what it announces: together more than a head may have.
        await client.send(b"1;x=" + b"a" * 1000 + b"\r\n")
        await client.send(b"z\r\n")
    await client.send(b"0\r\nx-last: 1\r\n\r\n")

    assert client.answers("POST")[0][2] == b"z" * 200
    assert not client.transport.closed


async def test_a_long_body_does_not_make_a_head_too_long() -> None:
    client = RawClient(Echo())

    await client.send(post(b"x" * (MAX_HEAD_SIZE + 1000)))

    assert client.answers("POST")[0][0] == 200


async def refuses(scope: Any, receive: Any, send: Any) -> None:
    """Answer without asking for the body, as a guard does when there is no token."""
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


async def test_a_client_that_sends_its_whole_body_before_a_refusal_can_send_again() -> None:
    client = RawClient(refuses)
    whole = post(b"x" * MAX_DISCARDED_BODY)
    await client.send(whole[:100], whole[100:])

    await client.send(post(b"again"))

    assert [status for status, _, _ in client.answers("POST", "POST")] == [401, 401]
    assert not client.transport.closed


async def test_an_unwanted_body_is_drained_up_to_a_limit() -> None:
    client = RawClient(refuses)
    await client.send(CHUNKED)
    piece, sent = b"100000\r\n" + b"x" * 0x100000 + b"\r\n", 0

    while not client.transport.closed and sent < 2 * MAX_DISCARDED_BODY:
        await client.send(piece)
        sent += 0x100000

    assert client.transport.closed
    assert sent <= MAX_DISCARDED_BODY + 0x100000
    assert client.answers("POST")[0][0] == 401


async def test_the_limit_of_drained_bytes_is_per_request() -> None:
    client = RawClient(refuses)
    half = post(b"x" * (MAX_DISCARDED_BODY * 3 // 4))

    for _ in range(3):
        await client.send(half[:100], half[100:])

    assert len(client.answers("POST", "POST", "POST")) == 3
    assert not client.transport.closed


async def test_an_idle_connection_is_closed_after_the_keep_alive_time() -> None:
    client = RawClient(Echo(), keep_alive=20)
    await client.send(GET)
    client.clock.pass_time(15)
    await client.send(GET)
    client.clock.pass_time(15)
    assert not client.transport.closed

    client.clock.pass_time(15)

    assert client.transport.closed
    assert len(client.answers("GET", "GET")) == 2


async def test_a_silent_connection_is_closed() -> None:
    client = RawClient(Echo())
    client.clock.pass_time(REQUEST_TIMEOUT - 1)
    assert not client.transport.closed

    client.clock.pass_time(10)

    assert client.transport.closed


async def test_a_slow_head_closes_the_connection() -> None:
    client = RawClient(Echo())
    await client.send(b"GET / HTTP/1.1\r\n")
    for _ in range(5):
        client.clock.pass_time(5)
        await client.send(b"X: y\r\n")
    assert not client.transport.closed

    client.clock.pass_time(15)

    assert client.answers("GET")[0][0] == 408
    assert client.transport.closed


async def test_a_slow_body_closes_the_connection_and_the_application_is_notified() -> None:
    heard: list[str] = []

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            heard.append(message["type"])
            if message["type"] == "http.disconnect":
                return

    client = RawClient(reads)
    await client.send(post(b"x" * 100)[:-50])
    client.clock.pass_time(REQUEST_TIMEOUT + 10)
    assert client.transport.closed
    client.connection.connection_lost(None)
    await settle()

    assert heard == ["http.request", "http.disconnect"]


async def test_a_long_body_has_more_time() -> None:
    client = RawClient(Echo())
    whole = post(b"x" * 30 * MIN_BYTES_PER_SECOND)
    for start in range(0, len(whole), MIN_BYTES_PER_SECOND):
        client.clock.pass_time(1.5)
        await client.send(whole[start : start + MIN_BYTES_PER_SECOND])

    assert client.answers("POST")[0][0] == 200
    assert not client.transport.closed


async def test_a_slow_application_has_no_time_limit() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    client = RawClient(slow)
    await client.send(GET)
    client.clock.pass_time(3600)
    assert not client.transport.closed

    go_on.set()
    await settle()

    assert client.answers("GET")[0][0] == 200


async def test_a_request_behind_a_long_body_is_not_taken_for_a_long_head() -> None:
    client = RawClient(Echo())
    long, short = post(b"x" * 100_000), post(b"short")

    await client.send(long[:10], long[10:] + short[:20], short[20:])

    assert [len(body) for _, _, body in client.answers("POST", "POST")] == [100_000, 5]


async def test_a_response_that_is_not_read_closes_the_connection() -> None:
    heard: list[str] = []

    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        heard.append((await receive())["type"])

    client = RawClient(streams)
    await client.send(GET)
    client.transport.unsent = 80_000
    client.clock.pass_time(STALL_TIMEOUT - 1)
    assert not client.transport.closed

    client.clock.pass_time(10)
    assert client.transport.aborted
    client.connection.connection_lost(None)
    await settle()

    assert heard == ["http.disconnect"]


async def test_a_slow_reader_that_makes_progress_gets_the_whole_response() -> None:
    client = RawClient(Echo(), keep_alive=3600)
    await client.send(post(b"x" * 100_000))
    for left in range(80_000, -1, -10_000):
        client.transport.unsent = left
        client.clock.pass_time(STALL_TIMEOUT - 10)

    assert not client.transport.closed
    assert len(client.answers("POST")[0][2]) == 100_000


async def test_written_bytes_do_not_count_as_read() -> None:
    more = asyncio.Event()

    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await more.wait()
            more.clear()
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})

    client = RawClient(streams)
    await client.send(GET)
    client.transport.unsent = 1000
    for _ in range(20):
        client.clock.pass_time(5)
        if not client.transport.closed:
            written = len(client.received)
            more.set()
            await settle()
            client.transport.unsent += len(client.received) - written

    assert client.transport.aborted


async def test_a_closing_connection_does_not_wait_for_an_unread_response() -> None:
    client = RawClient(Echo())
    await client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    client.transport.unsent = 10
    said = client.received
    assert (client.transport.closed, client.transport.aborted) == (True, False)

    client.clock.pass_time(STALL_TIMEOUT + 10)

    assert client.transport.aborted
    assert client.received == said
