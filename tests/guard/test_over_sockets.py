"""Requests on a real socket are refused or read in one way."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import pytest
import uvicorn

from doorward.serving import Connection
from tests.guard.bench import Bench, token, trusted
from tests.ledger import proves
from tests.net.http_server import listening

BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
GOOD = f"Bearer {token('mcp:read')}"


class Server:
    """A guarded application behind uvicorn, on a port and a thread of its own."""

    def __init__(self, http: Any) -> None:
        self._socket = listening()
        self.port: int = self._socket.getsockname()[1]
        self.bench = Bench(resource=f"http://127.0.0.1:{self.port}/mcp", issuers=[trusted()])
        config = uvicorn.Config(self.bench.guarded, http=http, loop="asyncio", log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> Self:
        """Serve; connections made before it is ready wait in the socket's queue."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    async def say(self, head: str, body: bytes = BODY, *, leaves: bool = True) -> list[int]:
        """
        Send bytes as they are; return the status of every answer until the server hangs up.

        With ``leaves``, the client ends its side. Uvicorn takes that for a disconnect.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n" + body)
        with suppress(ConnectionError):
            await writer.drain()
            if leaves:
                writer.write_eof()
        answer = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                answer = await reader.read()
        writer.close()
        return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.fixture(scope="module", params=["httptools", "h11"])
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Serve one guarded application with each of uvicorn's two parsers."""
    with Server(request.param) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """Return the running server, with nothing seen yet."""
    running.bench.seen.clear()
    running.bench.bodies.clear()
    return running


def head(server: Server, *, target: str = "/mcp", host: str | None = None, more: str = "") -> str:
    """Return the head of a good request, with ``more`` headers."""
    return (
        f"POST {target} HTTP/1.1\nHost: {host or f'127.0.0.1:{server.port}'}\n"
        f"Content-Type: application/json\nConnection: close\n{more}"
    )


LENGTH = f"Content-Length: {len(BODY)}\n"
AUTH = f"Authorization: {GOOD}\n"


@proves("S165", "accepts", "ambiguous framing")
@proves("S152", "accepts", "path and host tricks")
async def test_a_valid_request_is_served(server: Server) -> None:
    assert await server.say(head(server, more=AUTH + LENGTH), leaves=False) == [200]
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    told = head(server, more=AUTH + "Transfer-Encoding: chunked\n")
    assert await server.say(told, chunked, leaves=False) == [200]
    assert [bytes(body) for body in server.bench.bodies] == [BODY, BODY]


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    "framing",
    [
        pytest.param(LENGTH + "Transfer-Encoding: chunked\n", id="length-and-chunked"),
        pytest.param("Content-Length: 3\n" + LENGTH, id="two-lengths"),
        pytest.param("Content-Length: +3\n", id="signed-length"),
        pytest.param("Content-Length: -1\n", id="negative-length"),
        pytest.param("Transfer-Encoding: xchunked\n", id="unknown-encoding"),
        pytest.param("X-Long: " + "a" * 70_000 + "\n" + LENGTH, id="a-header-of-seventy-thousand"),
    ],
)
async def test_ambiguous_or_oversized_framing_is_refused(server: Server, framing: str) -> None:
    smuggled = BODY + f"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: {GOOD}\r\n\r\n".encode()

    answers = await server.say(head(server, more=framing), smuggled)

    assert all(400 <= status < 500 for status in answers)
    assert server.bench.seen == []


@proves("S123", "refuses", "garbage is not anonymous")
@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(AUTH + AUTH, id="twice"),
        pytest.param(AUTH + "authorization: Bearer x\n", id="twice-in-two-cases"),
        pytest.param("Authorization: Basic YTpi\n" + AUTH, id="basic-and-bearer"),
        pytest.param(
            AUTH.replace("Authorization:", "Authorization :"), id="a-space-before-the-colon"
        ),
        pytest.param("X: y\n" + " " + AUTH, id="folded-into-another-header"),
        pytest.param(AUTH.replace("Authorization", "Authorization\0"), id="nul-in-the-name"),
    ],
)
async def test_an_ambiguous_authorization_header_is_refused(
    server: Server, credentials: str
) -> None:
    answers = await server.say(head(server, more=credentials + LENGTH))

    assert all(400 <= status < 500 for status in answers)
    assert server.bench.seen == []


@proves("S165", "refuses", "ambiguous framing")
async def test_a_folded_header_is_refused_with_httptools() -> None:
    with Server("httptools") as server:
        folded = AUTH.replace("Bearer ", "Bearer\n ")

        answers = await server.say(head(server, more=folded + LENGTH))

    assert all(400 <= status < 500 for status in answers)
    assert server.bench.seen == []


@proves("S4", "refuses", "Host cannot move the path")
@proves("S152", "refuses", "path and host tricks")
@pytest.mark.parametrize(
    "target",
    [
        "//mcp",
        "/%6dcp",
        "/x/%2e%2e/mcp",
        "/mcp%2f",
        "/mcp;x",
        "http://evil.example//mcp",
        "mcp",
        "*",
    ],
)
async def test_no_spelling_of_the_request_target_bypasses_the_guard(
    server: Server, target: str
) -> None:
    answers = await server.say(head(server, target=target, more=LENGTH))

    assert all(400 <= status < 500 for status in answers)
    assert server.bench.seen == []


@proves("S4", "refuses", "Host cannot move the path")
@proves("S4", "accepts", "Host cannot move the path")
@proves("S152", "refuses", "path and host tricks")
@pytest.mark.parametrize("host", ["a/?x=", "127.0.0.1/?x=", "evil.example", "127.0.0.1.", "x y"])
async def test_no_host_header_bypasses_the_guard(server: Server, host: str) -> None:
    refused = await server.say(head(server, host=host, more=AUTH + LENGTH))
    served = await server.say(head(server, more=AUTH + LENGTH), leaves=False)

    assert refused in ([421], [400])
    assert served == [200]


@proves("S152", "refuses", "path and host tricks")
async def test_an_absolute_request_target_does_not_bypass_the_guard(server: Server) -> None:
    target = f"http://127.0.0.1:{server.port}/mcp"

    without = await server.say(head(server, target=target, more=LENGTH))
    elsewhere = await server.say(head(server, target="http://evil.example/mcp", more=LENGTH))

    assert all(400 <= status < 500 for status in without + elsewhere)
    assert server.bench.seen == []


@proves("S165", "refuses", "ambiguous framing")
async def test_a_body_over_the_limit_is_refused_on_a_real_socket(server: Server) -> None:
    answers = await server.say(head(server, more=AUTH + "Content-Length: 99999999\n"))

    assert answers[0] == 413
    assert server.bench.seen == []


async def test_the_server_still_serves_after_garbage(server: Server) -> None:
    for noise in (b"\x16\x03\x01\x00\xa5", b"GET\r\n\r\n", b"\0" * 100):
        await server.say("", noise)

    assert await server.say(head(server, more=AUTH + LENGTH)) == [200]


@proves("S195", "accepts", "request line and framing")
@proves("S195", "refuses", "request line and framing")
async def test_our_own_server_and_the_guard_see_the_same_host() -> None:
    with Server(Connection) as ours:
        absolute = f"http://127.0.0.1:{ours.port}/mcp"
        chunked = "Transfer-Encoding: chunked\n"
        gzip = "Transfer-Encoding: gzip, chunked\n"
        pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

        async def ask(head: str, body: bytes = BODY) -> list[int]:
            return await ours.say(head, body, leaves=False)

        served = await ask(head(ours, target=absolute, more=AUTH + LENGTH))
        in_pieces = await ask(head(ours, more=AUTH + chunked), pieces)
        assert (served, in_pieces, len(ours.bench.seen)) == ([200], [200], 2)

        elsewhere = "http://evil.example/mcp"
        strange_target = await ask(head(ours, target=elsewhere, more=AUTH + LENGTH))
        strange_host = await ask(
            head(ours, target=absolute, host="evil.example", more=AUTH + LENGTH)
        )
        both = await ask(head(ours, target=elsewhere, host="evil.example", more=AUTH + LENGTH))
        assert (strange_target, strange_host, both) == ([400], [400], [421])

        packed = await ask(head(ours, more=AUTH + gzip), pieces)
        newer = await ask(head(ours, more=AUTH + LENGTH).replace("HTTP/1.1", "HTTP/2.0"))
        assert (packed, newer, len(ours.bench.seen)) == ([501], [505], 2)
