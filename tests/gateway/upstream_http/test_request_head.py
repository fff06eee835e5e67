"""Heads of requests to upstream servers: one request, as it was checked."""

import pytest

from doorward.gateway.upstream_http.request_head import build_head
from doorward.wire.http_headers import InvalidHeader
from tests.ledger import proves


@proves("S165", "accepts", "ambiguous framing")
@pytest.mark.parametrize(
    ("method", "length", "framing"),
    [("POST", 2, b"content-length: 2\r\n"), ("POST", 0, b"content-length: 0\r\n"), ("GET", 0, b"")],
)
def test_the_head_has_the_headers_and_one_length(method: str, length: int, framing: bytes) -> None:
    head = build_head(
        method, b"/mcp?a=b%20c", [(b"host", b"x"), (b"X-Name", b"J\xf6rg\t!")], length
    )

    assert head == (
        f"{method} /mcp?a=b%20c HTTP/1.1\r\n".encode()
        + b"host: x\r\nX-Name: J\xf6rg\t!\r\n"
        + framing
        + b"\r\n"
    )


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x", b"a\r\ny: b"),
        (b"x", b"a\ny: b"),
        (b"x", b"a\rb"),
        (b"x", b"a\x00"),
        (b"x\r\ny", b"a"),
        (b"x ", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"Content-Length", b"5"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"close"),
    ],
)
def test_a_header_that_could_begin_another_request_is_refused(name: bytes, value: bytes) -> None:
    with pytest.raises(InvalidHeader):
        build_head("POST", b"/", [(name, value)], 0)


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", b"/ HTTP/1.1\r\nX: y"),
        ("POST", b"/a b"),
        ("POST", b"/\xff"),
        ("POST", b"/\n"),
        ("POST", b"mcp"),
        ("POST", b""),
        ("PO ST", b"/"),
        ("", b"/"),
    ],
)
def test_a_target_that_could_be_read_as_another_is_refused(method: str, target: bytes) -> None:
    with pytest.raises(InvalidHeader):
        build_head(method, target, [], 0)
