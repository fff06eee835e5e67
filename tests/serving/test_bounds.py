"""What one connection may take: a head of so many bytes, a request of so many seconds."""

import asyncio
from typing import Any

import pytest

from doorward.serving.connection import LONGEST_HEAD, MOST_IGNORED
from doorward.serving.timeouts import BYTES_PER_SECOND, LONGEST_STANDSTILL, SLOWEST
from tests.serving.lines import GET, Echo, Party, post, settle

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_head_that_never_ends_is_refused() -> None:
    party = Party(Echo())

    await party.say(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
    await party.say(*[b"a" * 16_000] * 5)

    assert party.answers("GET")[0][0] == 431
    assert party.wire.closed


async def test_a_head_that_is_too_long_in_one_piece_is_refused_as_well() -> None:
    echo = Echo()
    party = Party(echo)
    headers = b"".join(b"X-%d: %b\r\n" % (one, b"a" * 1000) for one in range(70))

    await party.say(b"GET / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")

    assert party.answers("GET")[0][0] == 431
    assert (party.wire.closed, echo.scopes) == (True, [])


@pytest.mark.parametrize(
    "piece", [b"x: 123456789\r\n" * 500, b"a" * 7000], ids=["many", "one that never ends"]
)
async def test_trailers_that_never_end_are_not_kept_and_end_the_connection(piece: bytes) -> None:
    party = Party(Echo())
    await party.say(CHUNKED, b"5\r\nhello\r\n0\r\nx: ")
    sent = 0

    while not party.wire.closed and sent < 4 * LONGEST_HEAD:
        await party.say(piece)
        sent += len(piece)

    assert party.wire.closed
    assert sent <= LONGEST_HEAD + 2 * len(piece)
    assert party.said == b""


async def test_a_line_between_chunks_that_never_ends_ends_the_connection() -> None:
    party = Party(Echo())
    await party.say(CHUNKED, b"5\r\nhello\r\n5;x=")

    for _ in range(20):
        await party.say(b"a" * 7000)

    assert party.wire.closed


async def test_a_body_of_many_chunks_may_have_more_lines_than_a_head() -> None:
    party = Party(Echo())
    await party.say(CHUNKED)

    for _ in range(200):
        # The line alone, then what it announces: together more than a head may have.
        await party.say(b"1;x=" + b"a" * 1000 + b"\r\n")
        await party.say(b"z\r\n")
    await party.say(b"0\r\nx-last: 1\r\n\r\n")

    assert party.answers("POST")[0][2] == b"z" * 200
    assert not party.wire.closed


async def test_a_long_body_does_not_make_a_head_too_long() -> None:
    party = Party(Echo())

    await party.say(post(b"x" * (LONGEST_HEAD + 1000)))

    assert party.answers("POST")[0][0] == 200


async def refuses(scope: Any, receive: Any, send: Any) -> None:
    """Answer without asking for the body, as a guard does when there is no token."""
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


async def test_who_sends_all_of_a_body_before_reading_the_refusal_can_ask_again() -> None:
    party = Party(refuses)
    whole = post(b"x" * MOST_IGNORED)
    await party.say(whole[:100], whole[100:])

    await party.say(post(b"again"))

    assert [status for status, _, _ in party.answers("POST", "POST")] == [401, 401]
    assert not party.wire.closed


async def test_a_body_that_nobody_wants_is_not_read_for_ever() -> None:
    party = Party(refuses)
    await party.say(CHUNKED)
    piece, sent = b"100000\r\n" + b"x" * 0x100000 + b"\r\n", 0

    while not party.wire.closed and sent < 2 * MOST_IGNORED:
        await party.say(piece)
        sent += 0x100000

    assert party.wire.closed
    assert sent <= MOST_IGNORED + 0x100000
    assert party.answers("POST")[0][0] == 401


async def test_each_body_that_nobody_wants_is_counted_by_itself() -> None:
    party = Party(refuses)
    half = post(b"x" * (MOST_IGNORED * 3 // 4))

    for _ in range(3):
        await party.say(half[:100], half[100:])

    assert len(party.answers("POST", "POST", "POST")) == 3
    assert not party.wire.closed


async def test_a_connection_is_kept_for_the_next_request_and_no_longer() -> None:
    party = Party(Echo(), keep_alive=20)
    await party.say(GET)
    party.clock.pass_time(15)
    await party.say(GET)
    party.clock.pass_time(15)
    assert not party.wire.closed

    party.clock.pass_time(15)

    assert party.wire.closed
    assert len(party.answers("GET", "GET")) == 2


async def test_whoever_connects_and_says_nothing_is_let_go() -> None:
    party = Party(Echo())
    party.clock.pass_time(SLOWEST - 1)
    assert not party.wire.closed

    party.clock.pass_time(10)

    assert party.wire.closed


async def test_a_head_that_drips_is_ended() -> None:
    party = Party(Echo())
    await party.say(b"GET / HTTP/1.1\r\n")
    for _ in range(5):
        party.clock.pass_time(5)
        await party.say(b"X: y\r\n")
    assert not party.wire.closed

    party.clock.pass_time(15)

    assert party.answers("GET")[0][0] == 408
    assert party.wire.closed


async def test_a_body_that_drips_is_ended_and_the_application_hears_of_it() -> None:
    heard: list[str] = []

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            heard.append(message["type"])
            if message["type"] == "http.disconnect":
                return

    party = Party(reads)
    await party.say(post(b"x" * 100)[:-50])
    party.clock.pass_time(SLOWEST + 10)
    assert party.wire.closed
    party.connection.connection_lost(None)
    await settle()

    assert heard == ["http.request", "http.disconnect"]


async def test_a_long_body_has_longer() -> None:
    party = Party(Echo())
    whole = post(b"x" * 30 * BYTES_PER_SECOND)
    for start in range(0, len(whole), BYTES_PER_SECOND):
        party.clock.pass_time(1.5)
        await party.say(whole[start : start + BYTES_PER_SECOND])

    assert party.answers("POST")[0][0] == 200
    assert not party.wire.closed


async def test_an_answer_may_take_as_long_as_it_takes() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    party = Party(slow)
    await party.say(GET)
    party.clock.pass_time(3600)
    assert not party.wire.closed

    go_on.set()
    await settle()

    assert party.answers("GET")[0][0] == 200


async def test_a_request_behind_a_long_body_is_not_taken_for_a_long_head() -> None:
    party = Party(Echo())
    long, short = post(b"x" * 100_000), post(b"short")

    await party.say(long[:10], long[10:] + short[:20], short[20:])

    assert [len(body) for _, _, body in party.answers("POST", "POST")] == [100_000, 5]


async def test_an_answer_that_nobody_takes_ends_the_connection_and_the_tool() -> None:
    heard: list[str] = []

    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        heard.append((await receive())["type"])

    party = Party(streams)
    await party.say(GET)
    party.wire.unsent = 80_000
    party.clock.pass_time(LONGEST_STANDSTILL - 1)
    assert not party.wire.closed

    party.clock.pass_time(10)
    assert party.wire.aborted
    party.connection.connection_lost(None)
    await settle()

    assert heard == ["http.disconnect"]


async def test_who_takes_a_little_of_an_answer_now_and_then_is_sent_all_of_it() -> None:
    party = Party(Echo(), keep_alive=3600)
    await party.say(post(b"x" * 100_000))
    for left in range(80_000, -1, -10_000):
        party.wire.unsent = left
        party.clock.pass_time(LONGEST_STANDSTILL - 10)

    assert not party.wire.closed
    assert len(party.answers("POST")[0][2]) == 100_000


async def test_what_is_written_is_not_taken_for_what_somebody_took() -> None:
    more = asyncio.Event()

    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await more.wait()
            more.clear()
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})

    party = Party(streams)
    await party.say(GET)
    party.wire.unsent = 1000
    for _ in range(20):
        party.clock.pass_time(5)
        if not party.wire.closed:
            written = len(party.said)
            more.set()
            await settle()
            party.wire.unsent += len(party.said) - written

    assert party.wire.aborted


async def test_a_connection_that_closes_waits_no_longer_for_what_nobody_takes() -> None:
    party = Party(Echo())
    await party.say(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    party.wire.unsent = 10
    said = party.said
    assert (party.wire.closed, party.wire.aborted) == (True, False)

    party.clock.pass_time(LONGEST_STANDSTILL + 10)

    assert party.wire.aborted
    assert party.said == said
