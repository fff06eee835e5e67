"""Responses are framed in one way, and headers cannot be injected."""

import asyncio
from typing import Any

import pytest

from tests.serving.raw_client import RawClient, settle

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

    client = RawClient(app)
    await client.send(GET)
    assert client.received.endswith(b"transfer-encoding: chunked\r\n\r\n")

    go_on.set()
    await settle()

    assert client.answers("GET")[0][2] == b"onetwo"


async def test_a_response_of_known_length_may_be_sent_in_parts() -> None:
    client = RawClient(answering(b"one", b"two", headers=[(b"content-length", b"6")]))

    await client.send(GET + GET)

    assert [body for _, _, body in client.answers("GET", "GET")] == [b"onetwo", b"onetwo"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_a_response_without_a_body_is_sent_without_one(method: str, status: int) -> None:
    headers = [(b"content-length", b"5")] if status == 200 else []
    client = RawClient(answering(b"hello", status=status, headers=headers))

    await client.send(GET.replace(b"GET", method.encode()) * 2)

    assert [(code, body) for code, _, body in client.answers(method, method)] == [(status, b"")] * 2
    assert b"chunked" not in client.received


async def test_a_client_of_http_1_0_gets_a_stream_until_the_connection_ends() -> None:
    client = RawClient(answering(b"one", b"two"))

    await client.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")

    assert client.received.endswith(b"\r\n\r\nonetwo")
    assert b"chunked" not in client.received
    assert client.transport.closed


async def test_the_server_chooses_the_framing_of_a_response() -> None:
    client = RawClient(answering(b"hello", headers=[(b"transfer-encoding", b"chunked")]))

    await client.send(GET)

    assert client.received.count(b"transfer-encoding") == 1
    assert client.answers("GET")[0][2] == b"hello"


async def test_an_application_can_end_the_connection() -> None:
    client = RawClient(
        answering(b"hello", headers=[(b"content-length", b"5"), (b"connection", b"close")])
    )

    await client.send(GET)

    assert client.answers("GET")[0][1]["connection"] == "close"
    assert client.transport.closed


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
async def test_a_header_with_a_line_break_is_not_sent(header: tuple[bytes, bytes]) -> None:
    client = RawClient(answering(b"hello", headers=[(b"content-length", b"5"), header]))

    await client.send(GET)

    assert client.answers("GET")[0][0] == 500
    assert b"evil" not in client.received


async def test_an_application_that_fails_before_its_response_gets_a_500() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("secret")

    client = RawClient(fails)
    await client.send(GET)

    [(status, headers, body)] = client.answers("GET")
    assert (status, headers["connection"], body) == (500, "close", b"Internal Server Error")
    assert client.transport.closed


async def test_an_application_without_a_response_gets_a_500() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        """Return."""

    client = RawClient(silent)
    await client.send(GET)

    assert client.answers("GET")[0][0] == 500


@pytest.mark.parametrize(
    "bodies", [(b"too long",), (b"too long", b""), (b"no",), (b"four", b"more")]
)
async def test_a_response_of_the_wrong_length_closes_the_connection(
    bodies: tuple[bytes, ...],
) -> None:
    client = RawClient(answering(*bodies, headers=[(b"content-length", b"4")]))

    await client.send(GET)

    assert client.transport.closed
    assert b"too long" not in client.received
    assert b"more" not in client.received


async def test_an_application_that_fails_in_a_stream_leaves_it_incomplete() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        raise ValueError

    client = RawClient(fails)
    await client.send(GET)

    assert client.transport.closed
    assert not client.received.endswith(b"0\r\n\r\n")


async def test_a_client_that_reads_slowly_makes_the_application_wait() -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": number < 2})
            sent.append(number)

    client = RawClient(app)
    client.connection.pause_writing()
    await client.send(GET)
    assert (sent, client.transport.writes) == ([], [])

    client.connection.resume_writing()
    await settle()

    assert sent == [0, 1, 2]
    assert client.answers("GET")[0][2] == b"xxx"


async def test_nothing_is_sent_after_the_end_of_a_response() -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(b"one", headers=[(b"content-length", b"3")])(scope, receive, send)
        try:
            await send({"type": "http.response.body", "body": b""})
        except RuntimeError as error:
            told.append(str(error))

    client = RawClient(app)
    await client.send(GET)

    assert client.answers("GET")[0][2] == b"one"
    assert len(told) == client.state.total_requests == 1
