"""Ambiguous request heads, and the response to each."""

import json

import pytest

from tests.ledger import proves
from tests.serving.raw_client import Echo, RawClient


async def refused(sent: bytes, *pieces: bytes) -> tuple[int, str]:
    """Send what must be refused; return the status, and what was said."""
    echo = Echo()
    client = RawClient(echo)
    for piece in (sent, *pieces):
        if not client.transport.closed:
            await client.send(piece)
    [(status, headers, body)] = client.answers("GET")
    assert (client.transport.closed, echo.scopes, headers["connection"]) == (True, [], "close")
    return status, json.loads(body)["error"]


@proves("S195", "accepts", "request line and framing")
@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"http://mcp.example/mcp?a=1", b"mcp.example", "/mcp", b"a=1"),
        (b"http://mcp.example:9000/mcp", b"mcp.example:9000", "/mcp", b""),
        (b"HTTPS://MCP.example/a%20b", b"mcp.EXAMPLE", "/a b", b""),
        (b"http://mcp.example", b"mcp.example", "/", b""),
        (b"http://mcp.example?a=//b", b"mcp.example", "/", b"a=//b"),
        (b"http://[::1]:9000/mcp", b"[::1]:9000", "/mcp", b""),
        (b"/mcp?to=http://other.example/", b"mcp.example", "/mcp", b"to=http://other.example/"),
    ],
)
async def test_a_target_that_names_the_host_is_its_path(
    target: bytes, host: bytes, path: str, query: bytes
) -> None:
    echo = Echo()
    await RawClient(echo).send(b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")

    [scope] = echo.scopes
    assert (scope["path"], scope["query_string"]) == (path, query)
    assert dict(scope["headers"])[b"host"] == host
    assert b"http" not in scope["raw_path"]


@proves("S195", "refuses", "request line and framing")
@pytest.mark.parametrize(
    ("target", "hosts"),
    [
        (b"http://evil.example/mcp", [b"mcp.example"]),
        (b"http://mcp.example/mcp", [b"evil.example"]),
        (b"http://mcp.example:81/mcp", [b"mcp.example"]),
        (b"http://mcp.example/mcp", [b"mcp.example:80"]),
        (b"http://alice@mcp.example/mcp", [b"mcp.example"]),
        (b"http://mcp.example./mcp", [b"mcp.example"]),
        (b"http:///mcp", [b"mcp.example"]),
        (b"http:///mcp", [b""]),
        (b"http://mcp.example/mcp", []),
        (b"http://mcp.example/mcp", [b"mcp.example", b"mcp.example"]),
        (b"http://mcp.example/mcp", [b"evil.example", b"mcp.example"]),
        (b"ftp://mcp.example/mcp", [b"mcp.example"]),
        (b"ws://mcp.example/mcp", [b"mcp.example"]),
        (b"/mcp#part", [b"mcp.example"]),
        (b"http://mcp.example/mcp#part", [b"mcp.example"]),
        (b"*", [b"mcp.example"]),
        (b"mcp.example:443", [b"mcp.example"]),
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"CONNECT"])
async def test_a_target_that_names_another_host_or_none_is_400(
    method: bytes, target: bytes, hosts: list[bytes]
) -> None:
    lines = [method + b" " + target + b" HTTP/1.1", *(b"Host: " + one for one in hosts)]

    status, _ = await refused(b"\r\n".join(lines) + b"\r\n\r\n")

    assert status == 400


@proves("S195", "accepts", "request line and framing")
@pytest.mark.parametrize("said", [b"chunked", b"Chunked", b"  chunked "])
async def test_a_chunked_body_is_read(said: bytes) -> None:
    client = RawClient(Echo())
    await client.send(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:"
        + said
        + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )

    assert client.answers("POST")[0][2] == b"abc"


@proves("S195", "refuses", "request line and framing")
@pytest.mark.parametrize("method", [b"POST", b"GET"])
@pytest.mark.parametrize(
    "said",
    [
        b"gzip",
        b"identity",
        b"gzip, chunked",
        b"identity, chunked",
        b"xchunked",
        b'"chunked"',
        b"chunked;q=1",
        b"gzip\r\nTransfer-Encoding: chunked",
        b"gzip\r\nContent-Length: 3",
    ],
)
async def test_an_unsupported_transfer_coding_is_501(method: bytes, said: bytes) -> None:
    head = method + b" / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + said + b"\r\n\r\n"

    assert await refused(head + b"3\r\nabc\r\n0\r\n\r\n") == (
        501,
        "This server supports no transfer coding but chunked",
    )


@proves("S195", "refuses", "request line and framing")
@pytest.mark.parametrize(
    "said",
    [
        b"chunked, identity",
        b"chunked, chunked",
        b"chunked\r\nTransfer-Encoding: chunked",
        b"chunked\r\nContent-Length: 3",
        b"",
    ],
)
async def test_a_body_with_ambiguous_length_is_400(said: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + said + b"\r\n\r\n"

    status, _ = await refused(head + b"3\r\nabc\r\n0\r\n\r\n")

    assert status == 400


@proves("S195", "refuses", "request line and framing")
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"POST / HTTP/2.0\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_another_version_is_505(head: bytes) -> None:
    whole = await refused(head)

    assert whole == (505, "This server supports HTTP/1.1")
    assert await refused(*(bytes([one]) for one in head)) == whole


@proves("S195", "accepts", "request line and framing")
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_both_versions_of_http_1_are_served(version: bytes) -> None:
    client = RawClient(Echo())
    await client.send(b"GET / HTTP/" + version + b"\r\nHost: x\r\n\r\n")

    assert client.answers("GET")[0][0] == 200


@proves("S195", "refuses", "request line and framing")
async def test_a_refused_head_after_a_good_request_does_not_reach_the_application() -> None:
    echo = Echo()
    client = RawClient(echo)
    good = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    await client.send(good, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n" + good)

    assert [status for status, _, _ in client.answers("GET", "GET")] == [200, 505]
    assert (len(echo.scopes), client.transport.closed) == (1, True)
