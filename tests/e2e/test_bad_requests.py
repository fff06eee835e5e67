"""Requests that carry or frame things as no library would, over a bare socket, at a running demo."""

from collections.abc import Callable

import pytest

from tests.e2e import raw_http
from tests.e2e.honest import (
    ADD,
    ADD_HEADERS,
    Headers,
    assert_clear,
    assert_serves,
    at,
    bearer,
)
from tests.e2e.raw_http import post, request, send
from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import SignedIn
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


@proves("S123", "accepts", "garbage is not anonymous")
@proves("S165", "accepts", "ambiguous framing")
def test_an_honest_request_is_served(demo: RunningDemo, alice: SignedIn) -> None:
    assert_serves(demo, alice)


def _twice(token: str) -> tuple[str, Headers]:
    return "/mcp", (bearer(token), bearer(token))


def _two_schemes(token: str) -> tuple[str, Headers]:
    return "/mcp", (bearer(token), ("Authorization", "Basic YWxpY2U6YWxpY2U="))


def _in_query(token: str) -> tuple[str, Headers]:
    return f"/mcp?access_token={token}", ()


def _in_query_too(token: str) -> tuple[str, Headers]:
    return f"/mcp?access_token={token}", (bearer(token),)


def _in_query_encoded(token: str) -> tuple[str, Headers]:
    return f"/mcp?x=1&access%5Ftoken={token}", ()


@proves("S123", "refuses", "garbage is not anonymous")
@proves("S124", "refuses", "no token in query or form")
@pytest.mark.parametrize(
    "placed", [_twice, _two_schemes, _in_query, _in_query_too, _in_query_encoded]
)
def test_a_token_that_is_not_in_exactly_one_header_is_refused_and_not_logged(
    demo: RunningDemo, alice: SignedIn, placed: Callable[[str], tuple[str, Headers]]
) -> None:
    path, headers = placed(alice.access_token)

    answer = send(demo.port, post(path, ADD, *headers, *ADD_HEADERS, host=at(demo)))

    assert answer.status == 400, answer
    assert 'error="invalid_request"' in (answer.header("www-authenticate") or "")
    assert_clear(answer, alice.access_token)
    assert demo.leaks() == []
    assert_serves(demo, alice)


@proves("S124", "refuses", "no token in query or form")
def test_a_token_in_a_form_body_is_refused(demo: RunningDemo, alice: SignedIn) -> None:
    body = f"access_token={alice.access_token}".encode()
    form = ("Content-Type", "application/x-www-form-urlencoded")

    answer = send(demo.port, request("POST", "/mcp", body, form, host=at(demo)))

    assert answer.status == 401, answer
    assert_clear(answer, alice.access_token)


@proves("S123", "refuses", "garbage is not anonymous")
@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param("Bearer", id="scheme-alone"),
        pytest.param("Bearer ", id="empty"),
        pytest.param("Bearer x", id="garbage"),
        pytest.param("Bearer a.b.c", id="three-parts"),
        pytest.param("Basic YWxpY2U6YWxpY2UtZGVtbw==", id="basic"),
        pytest.param("Bearer " + "A" * 20_000, id="twenty-thousand-letters"),
    ],
)
def test_what_is_no_token_is_never_an_anonymous_caller(
    demo: RunningDemo, alice: SignedIn, credentials: str
) -> None:
    headers = (("Authorization", credentials), *ADD_HEADERS)

    answer = send(demo.port, post("/mcp", ADD, *headers, host=at(demo)))

    assert answer.status == 401, answer
    assert "resource_metadata=" in (answer.header("www-authenticate") or "")
    assert_clear(answer)
    assert_serves(demo, alice)


@proves("S140", "refuses", "every request is checked")
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "PATCH"])
def test_every_method_of_the_endpoint_needs_a_token(demo: RunningDemo, method: str) -> None:
    answer = send(demo.port, request(method, "/mcp", b"", host=at(demo)))

    assert answer.status in (401, 405), answer
    assert answer.status == 401 or method not in ("GET", "DELETE")


@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        pytest.param("evil.example", None, 421, id="host"),
        pytest.param("localhost.evil.example", None, 421, id="host-that-begins-like-ours"),
        pytest.param(None, "https://evil.example", 403, id="origin"),
        pytest.param(None, "null", 403, id="origin-null"),
    ],
)
def test_a_request_from_elsewhere_is_refused(
    demo: RunningDemo, alice: SignedIn, host: str | None, origin: str | None, status: int
) -> None:
    headers = (bearer(alice.access_token), *ADD_HEADERS)
    if origin:
        headers = (*headers, ("Origin", origin))

    answer = send(demo.port, post("/mcp", ADD, *headers, host=host or at(demo)))

    assert answer.status == status, answer
    assert_clear(answer, alice.access_token)
    assert_serves(demo, alice)


def _head(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode("latin-1")


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("Content-Length: 3", "Content-Length: 5"), id="two-lengths"),
        pytest.param(("Content-Length: 5", "Transfer-Encoding: chunked"), id="length-and-chunks"),
        pytest.param(("Content-Length: -1",), id="negative-length"),
        pytest.param(("Content-Length: 0x5",), id="hexadecimal-length"),
        pytest.param(("Transfer-Encoding: chunked, identity",), id="chunks-not-last"),
        pytest.param(("X-Folded: one", " two", "Content-Length: 0"), id="folded-header"),
        pytest.param(("X Space: 1", "Content-Length: 0"), id="space-in-a-header-name"),
        pytest.param((f"X-Long: {'a' * 200_000}", "Content-Length: 0"), id="oversized-header"),
        pytest.param((*(f"X-{n}: {'a' * 1000}" for n in range(80)),), id="eighty-long-headers"),
        pytest.param((f"X-Endless: {'a' * 5_000_000}",), id="endless-header"),
        pytest.param(("X-Nul: a\x00b", "Content-Length: 0"), id="nul-in-a-header"),
    ],
)
def test_a_request_that_two_parsers_frame_differently_is_refused_by_the_server(
    demo: RunningDemo, alice: SignedIn, lines: tuple[str, ...]
) -> None:
    head = _head("POST /mcp HTTP/1.1", f"Host: {at(demo)}", *lines, "Connection: close")

    answer = send(demo.port, head + b"0\r\n\r\n")

    assert answer.status in (400, 431, 501), answer
    assert_serves(demo, alice)


def test_a_body_that_ends_early_leaves_the_server_serving(
    demo: RunningDemo, alice: SignedIn
) -> None:
    head = _head("POST /mcp HTTP/1.1", f"Host: {at(demo)}", "Content-Length: 500")

    with raw_http.opened(demo.port) as sock:
        sock.sendall(head + b'{"jsonrpc": "2.0"')

    assert_serves(demo, alice)
