"""The body of a 401 or a 403: its size and its decompressed size are limited."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterable

import httpx2
import pytest

from doorward.client import McpClient, OAuth, ServerRefused, SignInNeeded
from tests.client.conftest import Open
from tests.client.fake_issuer import SERVER, FakeIssuer
from tests.ledger import proves

CHUNK = 16 * 1024
MESSAGE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
LIMIT = 64 * 1024
# A refusal is read once per try; a request is tried six times at most.
MOST = 6 * (LIMIT + CHUNK)


class Body(httpx2.AsyncByteStream):
    """A body that is made while it is read, and counts what was taken of it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.taken = 0
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        self.closed += 1


class Refusing(httpx2.AsyncBaseTransport):
    """Refuses everything at the MCP server, with a body of its own each time."""

    def __init__(
        self,
        fake_issuer: FakeIssuer,
        status: int,
        make: Callable[[], Iterable[bytes]],
        coding: str = "",
    ) -> None:
        self._house, self._status, self._make, self._coding = fake_issuer, status, make, coding
        self.bodies: list[Body] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if str(request.url) != SERVER:
            return await self._house.transport.handle_async_request(request)
        self.bodies.append(Body(self._make()))
        metadata = self._house.challenge["resource_metadata"]
        # Something new each time: what was asked for and refused is not asked for again.
        scope = f"mcp:step-{len(self.bodies)}"
        challenge = (
            f'Bearer resource_metadata="{metadata}", error="insufficient_scope", scope="{scope}"'
        )
        headers = {"WWW-Authenticate": challenge, "Content-Type": "application/json"}
        if self._coding:
            headers["Content-Encoding"] = self._coding
        return httpx2.Response(self._status, headers=headers, stream=self.bodies[-1])


def endless() -> Iterable[bytes]:
    for _ in range(96 * 1024 * 1024 // CHUNK):
        yield b"x" * CHUNK


BOMB = gzip.compress(bytes(50_000_000))


def bomb() -> Iterable[bytes]:
    return [BOMB[at : at + CHUNK] for at in range(0, len(BOMB), CHUNK)]


async def post(open_client: Open, transport: Refusing) -> httpx2.Response:
    """Return the answer to one request of somebody's own HTTP client, signed by ``OAuth``."""
    async with open_client() as connection:
        auth = OAuth(SERVER, connection.sign_in)
        async with httpx2.AsyncClient(auth=auth, transport=transport) as http:
            return await http.post(SERVER, json=MESSAGE)


@proves("S226", "refuses", "refusal bodies are bounded")
@pytest.mark.parametrize("status", [401, 403])
async def test_an_endless_error_body_is_read_up_to_the_limit_in_every_attempt(
    open_client: Open, fake_issuer: FakeIssuer, status: int
) -> None:
    async with open_client() as connection:
        await connection.log_in()
    transport = Refusing(fake_issuer, status, endless)

    answer = await post(open_client, transport)

    assert answer.status_code == status
    assert len(transport.bodies) > 1
    assert sum(body.taken for body in transport.bodies) <= MOST
    assert all(body.taken <= LIMIT + CHUNK and body.closed for body in transport.bodies)
    assert answer.content == b""


@proves("S226", "refuses", "refusal bodies are bounded")
@pytest.mark.parametrize("status", [401, 403])
async def test_a_compressed_error_body_is_not_decompressed_beyond_the_limit(
    open_client: Open, fake_issuer: FakeIssuer, status: int
) -> None:
    async with open_client() as connection:
        await connection.log_in()
    transport = Refusing(fake_issuer, status, bomb, "gzip")
    assert len(BOMB) < LIMIT

    tracemalloc.start()
    try:
        answer = await post(open_client, transport)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.status_code == status
    assert len(transport.bodies) > 1
    assert answer.content == b""
    assert all(len(earlier.content) <= LIMIT for earlier in answer.history)
    # Of the 50 MB there must be nothing; the rest is the sign-in itself.
    assert peak < 20_000_000


@proves("S226", "accepts", "refusal bodies are bounded")
@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
    ],
)
async def test_an_error_body_within_the_limit_is_returned_unchanged(
    open_client: Open, fake_issuer: FakeIssuer, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    said = b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "Not you."}}'
    transport = Refusing(fake_issuer, 403, lambda: [pack(said)], coding)

    answer = await post(open_client, transport)

    assert (answer.status_code, answer.content) == (403, said)
    assert "insufficient_scope" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate"])
async def test_an_error_body_with_an_unsupported_encoding_is_empty(
    open_client: Open, fake_issuer: FakeIssuer, coding: str
) -> None:
    transport = Refusing(fake_issuer, 403, lambda: [b"not packed at all"], coding)

    assert (await post(open_client, transport)).content == b""


async def test_an_error_body_that_breaks_off_does_not_prevent_the_sign_in(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    def breaking() -> Iterable[bytes]:
        yield b"{"
        raise httpx2.ReadError("gone")

    transport = Refusing(fake_issuer, 401, breaking)

    answer = await post(open_client, transport)

    assert (answer.status_code, answer.content) == (401, b"")
    assert fake_issuer.authorizations


async def test_the_mcp_client_reports_a_refusal_with_an_endless_body(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        transport = Refusing(fake_issuer, 403, endless)
        auth = OAuth(SERVER, connection.sign_in)
        async with McpClient(SERVER, auth=auth, transport=transport) as client:
            with pytest.raises(ServerRefused):
                await client.list_tools()

    assert sum(body.taken for body in transport.bodies) <= MOST


async def test_a_non_interactive_client_reads_an_endless_401_only_up_to_the_limit(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    transport = Refusing(fake_issuer, 401, endless)
    async with open_client() as connection:
        auth = OAuth(SERVER, connection.sign_in, interactive=False)
        async with httpx2.AsyncClient(auth=auth, transport=transport) as http:
            with pytest.raises(SignInNeeded):
                await http.post(SERVER, json=MESSAGE)

    assert sum(body.taken for body in transport.bodies) <= LIMIT + CHUNK
