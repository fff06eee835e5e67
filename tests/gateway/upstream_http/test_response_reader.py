"""Responses of upstream servers: read whole, or refused, and never read in two ways."""

import re
from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.gateway.upstream_http.response_reader import (
    MAX_HEAD_SIZE,
    InvalidResponse,
    ResponseReader,
)
from tests.ledger import proves

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def _read(*parts: bytes, method: str = "POST", ended: bool = False) -> ResponseReader:
    reader = ResponseReader(method)
    for part in parts:
        reader.feed(part)
    if ended:
        reader.feed_eof()
    return reader


@proves("S165", "accepts", "ambiguous framing")
@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        pytest.param(OK + b"Content-Length: 2\r\n\r\nab", 200, b"ab", id="length"),
        pytest.param(CHUNKED + b"1\r\na\r\n1;x=y\r\nb\r\n0\r\n\r\n", 200, b"ab", id="chunked"),
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", 200, b"", id="empty"),
        pytest.param(b"HTTP/1.1 404\r\nContent-Length: 1\r\n\r\nx", 404, b"x", id="no-phrase"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            + OK
            + b"Content-Length: 2\r\n\r\nab",
            200,
            b"ab",
            id="interim",
        ),
    ],
)
def test_a_response_is_read_in_any_pieces(raw: bytes, status: int, body: bytes) -> None:
    whole = _read(raw)
    pieces = _read(*(raw[at : at + 1] for at in range(len(raw))))

    for reader in (whole, pieces):
        assert (reader.status, reader.take()) == (status, body)
        assert reader.complete
        assert reader.keep_alive


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab",
        OK + b"Content-Length: 2, 2\r\n\r\nab",
        OK + b"Content-Length: +2\r\n\r\nab",
        OK + b"Content-Length: 0x2\r\n\r\nab",
        OK + b"Content-Length: 99999999999999999999\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: xchunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\t\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"X: a\r\n Content-Length: 2\r\n\r\nab",
        OK + b"X: a\nContent-Length: 2\r\n\r\nab",
        OK + b"X: a\rContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length : 2\r\n\r\nab",
        OK + b": 2\r\n\r\nab",
        OK + b"X: a\x00b\r\n\r\n",
        OK + b"X\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        CHUNKED + b"2\nab\r\n0\r\n\r\n",
        CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"2 \r\nab\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 40\r\n\r\n" + OK,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\n\r\n",
        b"HTTP/1.1 600 Odd\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"\x00\x01 this is no HTTP\r\n\r\n",
    ],
)
def test_a_response_that_two_readers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidResponse):
        _read(raw)
    with pytest.raises(InvalidResponse):
        _read(*(raw[at : at + 1] for at in range(len(raw))))


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([OK, b"X: " + b"a" * MAX_HEAD_SIZE], id="one-endless-header"),
        pytest.param([OK] + [b"X: a\r\n"] * (MAX_HEAD_SIZE // 6), id="endless-headers"),
        pytest.param([OK + b"X: " + b"a" * MAX_HEAD_SIZE + b"\r\n\r\n"], id="at-once"),
        pytest.param([b"HTTP/1.1 100 C\r\n\r\n"] * (MAX_HEAD_SIZE // 18 + 1), id="interim"),
        pytest.param([CHUNKED + b"0\r\n", b"X: " + b"a" * MAX_HEAD_SIZE], id="trailers"),
        pytest.param([CHUNKED + b"1;", b"a" * (MAX_HEAD_SIZE + 1)], id="extension"),
        pytest.param([CHUNKED, b"0" * (MAX_HEAD_SIZE + 1)], id="zeros"),
    ],
)
def test_lines_without_end_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(InvalidResponse, match="bytes"):
        _read(*parts)


def test_a_large_body_is_not_taken_for_lines() -> None:
    body = b"a" * (4 * MAX_HEAD_SIZE)
    reader = _read(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    assert reader.take() == body


@pytest.mark.parametrize(
    ("raw", "method"),
    [
        pytest.param(OK + b"Content-Length: 5\r\n\r\n", "HEAD", id="head"),
        pytest.param(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "POST", id="204"),
        pytest.param(b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", "GET", id="304"),
    ],
)
def test_a_response_without_a_body_ends_at_its_head(raw: bytes, method: str) -> None:
    reader = _read(raw, method=method)
    assert reader.complete
    assert reader.keep_alive

    reader = _read(raw + b"extra", method=method)
    assert reader.take() == b""
    assert not reader.keep_alive


def test_only_a_response_without_a_length_may_end_with_the_connection() -> None:
    reader = _read(OK + b"\r\n", b"ab", ended=True)
    assert (reader.take(), reader.complete, reader.keep_alive) == (b"ab", True, False)

    for raw in (
        b"",
        b"HTTP/1.1 200",
        OK + b"Content-Length: 3\r\n\r\nab",
        CHUNKED + b"2\r\nab\r\n",
    ):
        with pytest.raises(InvalidResponse):
            _read(raw, ended=True)


def test_trailers_are_dropped() -> None:
    reader = _read(CHUNKED + b"0\r\nSet-Cookie: a=1\r\nX: y\r\n\r\n")

    assert [name for name, _ in reader.headers] == [b"transfer-encoding"]
    assert reader.complete


@pytest.mark.parametrize(
    "extra", [b"x", b"HTTP/1.1 200 OK\r\n", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
)
def test_bytes_behind_a_response_end_the_use_of_its_connection(extra: bytes) -> None:
    for parts in (
        [OK + b"Content-Length: 1\r\n\r\na" + extra],
        [OK + b"Content-Length: 1\r\n\r\na", extra],
    ):
        reader = _read(*parts)
        assert (reader.take(), reader.complete, reader.keep_alive) == (b"a", True, False)


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_the_server_says_whether_the_connection_is_kept(head: bytes, kept: bool) -> None:
    assert _read(head).keep_alive is kept


# Pieces of responses, whole and broken, for the comparison with h11.
_STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 x", b"HTTP/1.1 100 x"]
)
_FIELD = st.sampled_from(
    [
        b"Content-Length: 3",
        b"Content-Length: 0",
        b"content-length:3",
        b"Content-Length: 3 \t",
        b"Content-Length: 3,3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: CHUNKED",
        b"Transfer-Encoding:\tchunked \t",
        b"Transfer-Encoding: identity",
        b"Connection: close",
        b"X: y",
        b" folded",
        b"X y: z",
        b"X:\xff",
        b"",
    ]
)
_LINE_END = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r"])
_BODY = st.lists(
    st.sampled_from(
        [
            b"abc",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            b"3;x\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"\r\n",
            b"g",
        ]
    ),
    max_size=4,
)


@st.composite
def _responses(draw: st.DrawFn) -> bytes:
    lines = [draw(_STATUS), *draw(st.lists(_FIELD, max_size=3)), b""]
    head = b"".join(line + draw(_LINE_END) for line in lines)
    return head + b"".join(draw(_BODY))


def _by_h11(raw: bytes) -> tuple[int, bytes, bool] | None:
    """Return status, body so far, and whether it is complete; ``None`` if h11 refuses it."""
    client = h11.Connection(h11.CLIENT)
    client.send(
        h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")])
    )
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    status, body = 0, b""
    try:
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body, True
            elif event in (h11.NEED_DATA, h11.PAUSED):
                return status, body, False
    except h11.RemoteProtocolError:
        return None


@settings(max_examples=100, deadline=None)
@given(raw=_responses(), cut=st.integers(0, 200))
def test_what_is_accepted_h11_reads_in_the_same_way(raw: bytes, cut: int) -> None:
    reader = ResponseReader("POST")
    try:
        reader.feed(raw[:cut])
        reader.feed(raw[cut:])
    except InvalidResponse:
        return

    # Empty lines after an interim response: skipped here, refused by h11, and part of neither response.
    expected = _by_h11(
        re.sub(rb"\A(HTTP/1.1 100 x\r\n(?:[^\r\n]+\r\n)*\r\n)(?:\r\n)+", rb"\1", raw)
    )

    assert expected is not None
    assert (reader.status or 0, reader.take(), reader.complete) == expected


@settings(max_examples=60, deadline=None)
@given(
    body=st.binary(max_size=200),
    chunk=st.integers(1, 50),
    cuts=st.lists(st.integers(0, 400), max_size=5),
)
def test_what_h11_writes_is_read_back(body: bytes, chunk: int, cuts: list[int]) -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    server.next_event()
    raw = server.send(h11.Response(status_code=200, headers=[("x", "y")])) or b""
    for at in range(0, len(body), chunk):
        raw += server.send(h11.Data(data=body[at : at + chunk])) or b""
    raw += server.send(h11.EndOfMessage(headers=[("t", "u")])) or b""
    ends = sorted({0, *(cut for cut in cuts if cut < len(raw)), len(raw)})

    reader = _read(*(raw[a:b] for a, b in pairwise(ends)))

    assert (reader.status, reader.take(), reader.complete) == (200, body, True)


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=300), good=st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, good: bool) -> None:
    reader = ResponseReader("GET")
    try:
        reader.feed(OK + raw if good else raw)
        reader.feed_eof()
    except InvalidResponse:
        return
    assert reader.complete
