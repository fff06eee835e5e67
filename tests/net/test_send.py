"""``send``: any status is a response, and the other limits are those of a fetch."""

import ssl

import pytest

from doorward.net import Fetcher, FetchFailed, FetchRefused, FetchRequest
from tests.ledger import proves
from tests.net.tls_server import ok, saying, serving, to

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
HOME = to("127.0.0.1")


@pytest.mark.parametrize(
    "status", ["200 OK", "302 Found", "400 Bad Request", "404 Not Found", "500 Oops"]
)
async def test_every_status_is_a_response_and_a_redirect_is_not_followed(
    tls: Contexts, status: str
) -> None:
    said = f"HTTP/1.1 {status}\r\nLocation: /else\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    async with serving(saying(said), tls[0]) as place:
        fetcher = Fetcher(allow_private_hosts=frozenset({place.pair}), resolver=HOME, tls=tls[1])
        answer = await fetcher.send(place.url("/register"), FetchRequest())

    assert (answer.status, answer.body) == (int(status[:3]), b"{}")
    assert place.connections == 1


async def test_a_body_is_sent_with_its_length_and_its_type(tls: Contexts) -> None:
    question = FetchRequest(method="POST", body=b'{"a":1}', content_type="application/json")
    async with serving(saying(ok(b"{}")), tls[0]) as place:
        fetcher = Fetcher(allow_private_hosts=frozenset({place.pair}), resolver=HOME, tls=tls[1])
        await fetcher.send(place.url("/register"), question)

    request = place.requests[0].lower()
    assert request.startswith("post /register http/1.1\r\n")
    assert "content-length: 7\r\n" in request
    assert "content-type: application/json\r\n" in request
    assert "authorization" not in request


@proves("S65", "refuses", "documents do not redirect")
async def test_nothing_is_sent_to_an_internal_address(tls: Contexts) -> None:
    async with serving(saying(ok(b"{}")), tls[0]) as place:
        fetcher = Fetcher(resolver=HOME, tls=tls[1])
        with pytest.raises(FetchRefused):
            await fetcher.send(place.url(), FetchRequest(method="POST", body=b"x"))

    assert place.connections == 0


async def test_a_response_over_the_limit_is_refused_whatever_its_status(tls: Contexts) -> None:
    said = b"HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
    async with serving(saying(said), tls[0]) as place:
        fetcher = Fetcher(allow_private_hosts=frozenset({place.pair}), resolver=HOME, tls=tls[1])
        with pytest.raises(FetchFailed, match="more than 50 bytes"):
            await fetcher.send(place.url(), FetchRequest(), limit=50)


def test_the_repr_of_a_request_does_not_contain_its_authorization() -> None:
    assert "hunter2" not in repr(FetchRequest(authorization="Bearer hunter2"))
