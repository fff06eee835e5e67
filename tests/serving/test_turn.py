"""Answers as they leave: framed in one way, and nothing in them that an application did not mean."""

import asyncio
from typing import Any

import pytest

from tests.serving.lines import Party, settle

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Headers = list[tuple[bytes, bytes]]


def answering(*bodies: bytes, status: int = 200, headers: Headers | None = None) -> Any:
    """Return an application that sends these pieces, the last of which ends the answer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": status, "headers": headers or []}
        await send(start)
        for number, body in enumerate(bodies, 1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return app


async def test_a_stream_begins_at_once_and_is_sent_in_chunks() -> None:
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    party = Party(app)
    await party.say(GET)
    assert party.said.endswith(b"transfer-encoding: chunked\r\n\r\n")

    go_on.set()
    await settle()

    assert party.answers("GET")[0][2] == b"onetwo"


async def test_an_answer_of_known_length_may_come_in_pieces() -> None:
    party = Party(answering(b"one", b"two", headers=[(b"content-length", b"6")]))

    await party.say(GET + GET)

    assert [body for _, _, body in party.answers("GET", "GET")] == [b"onetwo", b"onetwo"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_what_has_no_body_is_sent_without_one(method: str, status: int) -> None:
    headers = [(b"content-length", b"5")] if status == 200 else []
    party = Party(answering(b"hello", status=status, headers=headers))

    await party.say(GET.replace(b"GET", method.encode()) * 2)

    assert [(code, body) for code, _, body in party.answers(method, method)] == [(status, b"")] * 2
    assert b"chunked" not in party.said


async def test_a_client_of_http_1_0_gets_a_stream_until_the_connection_ends() -> None:
    party = Party(answering(b"one", b"two"))

    await party.say(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")

    assert party.said.endswith(b"\r\n\r\nonetwo")
    assert b"chunked" not in party.said
    assert party.wire.closed


async def test_how_an_answer_is_cut_is_not_the_applications_affair() -> None:
    party = Party(answering(b"hello", headers=[(b"transfer-encoding", b"chunked")]))

    await party.say(GET)

    assert party.said.count(b"transfer-encoding") == 1
    assert party.answers("GET")[0][2] == b"hello"


async def test_an_application_can_end_the_connection() -> None:
    party = Party(
        answering(b"hello", headers=[(b"content-length", b"5"), (b"connection", b"close")])
    )

    await party.say(GET)

    assert party.answers("GET")[0][1]["connection"] == "close"
    assert party.wire.closed


@pytest.mark.parametrize(
    "header",
    [
        (b"x-evil", b"a\r\nset-cookie: b=1"),
        (b"x-evil", b"a\nb"),
        (b"x-evil", b"a\r\n"),
        (b"x-evil", b"\r"),
        (b"x-evil", b"a\0"),
        (b"x-evil: b\r\nx-other", b"c"),
        (b"x evil", b"a"),
        (b"", b"evil"),
    ],
)
async def test_a_header_that_would_begin_another_is_not_sent(header: tuple[bytes, bytes]) -> None:
    party = Party(answering(b"hello", headers=[(b"content-length", b"5"), header]))

    await party.say(GET)

    assert party.answers("GET")[0][0] == 500
    assert b"evil" not in party.said


async def test_an_application_that_fails_before_its_answer_is_answered_for() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("secret")

    party = Party(fails)
    await party.say(GET)

    [(status, headers, body)] = party.answers("GET")
    assert (status, headers["connection"], body) == (500, "close", b"Internal Server Error")
    assert party.wire.closed


async def test_an_application_that_says_nothing_is_answered_for() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        """Return."""

    party = Party(silent)
    await party.say(GET)

    assert party.answers("GET")[0][0] == 500


@pytest.mark.parametrize(
    "bodies", [(b"too long",), (b"too long", b""), (b"no",), (b"four", b"more")]
)
async def test_an_answer_of_another_length_than_it_says_ends_the_connection(
    bodies: tuple[bytes, ...],
) -> None:
    party = Party(answering(*bodies, headers=[(b"content-length", b"4")]))

    await party.say(GET)

    assert party.wire.closed
    assert b"too long" not in party.said
    assert b"more" not in party.said


async def test_an_application_that_fails_in_a_stream_ends_it_where_a_client_sees_that() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        raise ValueError

    party = Party(fails)
    await party.say(GET)

    assert party.wire.closed
    assert not party.said.endswith(b"0\r\n\r\n")


async def test_a_client_that_reads_slowly_makes_the_application_wait() -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": number < 2})
            sent.append(number)

    party = Party(app)
    party.connection.pause_writing()
    await party.say(GET)
    assert (sent, party.wire.writes) == ([], [])

    party.connection.resume_writing()
    await settle()

    assert sent == [0, 1, 2]
    assert party.answers("GET")[0][2] == b"xxx"


async def test_nothing_is_sent_after_the_end_of_an_answer() -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(b"one", headers=[(b"content-length", b"3")])(scope, receive, send)
        try:
            await send({"type": "http.response.body", "body": b""})
        except RuntimeError as error:
            told.append(str(error))

    party = Party(app)
    await party.say(GET)

    assert party.answers("GET")[0][2] == b"one"
    assert len(told) == party.state.total_requests == 1
