"""What a client's authorization adds to each request while its token is good."""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from doorward.client import FileStore, OAuth, SignIn, Tokens, TokenStore

URL = "https://mcp.example/mcp"
ISSUER = "https://login.example"
TOKEN = "a" * 900
NONE, FIXED = "no authorization", "a header that is always the same"
OURS, SDK = "**doorward**, `OAuth`", "official SDK, `OAuthClientProvider`"
ROWS = (NONE, FIXED, OURS, SDK)


@dataclass(frozen=True)
class Added:
    """One row: CPU seconds of one request through it."""

    row: str
    seconds: float


class Answering(httpx2.AsyncBaseTransport):
    """Answers at once and counts what came with the token, so that only the client is measured."""

    def __init__(self) -> None:
        self.signed = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.signed += request.headers.get("authorization") == f"Bearer {TOKEN}"
        return httpx2.Response(200, content=b"{}")


class Kept:
    """The SDK's storage, with a good token in it."""

    async def get_tokens(self) -> OAuthToken | None:
        return OAuthToken(access_token=TOKEN, expires_in=3600)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        raise AssertionError("nothing is to be renewed", type(tokens))

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return OAuthClientInformationFull(
            client_id="bench", redirect_uris=[AnyUrl("http://localhost/callback")]
        )

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("nothing is to be registered", type(client_info))


def measure(*, rounds: int, count: int) -> Sequence[Added]:
    """Return the CPU time of one request per row: the quickest of ``rounds`` interleaved turns."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(_auths(Path(folder)), rounds, count))


def _auths(folder: Path) -> Mapping[str, httpx2.Auth | None]:
    token_store = TokenStore(FileStore(folder))
    end = time.time() + 3600
    token_store.save_tokens(
        URL,
        Tokens(issuer=ISSUER, resource=URL, client_id="c", access_token=TOKEN, expires_at=end),
    )
    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl("http://localhost/callback")])
    return {
        NONE: None,
        FIXED: Fixed(),
        OURS: OAuth(URL, SignIn.for_server(URL, token_store=token_store)),
        SDK: OAuthClientProvider(URL, metadata, Kept()),
    }


class Fixed(httpx2.Auth):
    """The least that can be done."""

    def auth_flow(self, request: httpx2.Request):  # type: ignore[no-untyped-def]
        request.headers["Authorization"] = f"Bearer {TOKEN}"
        yield request


async def _measure(
    auths: Mapping[str, httpx2.Auth | None], rounds: int, count: int
) -> Sequence[Added]:
    best = dict.fromkeys(auths, float("inf"))
    for _ in range(rounds):
        for row, auth in auths.items():
            carrier = Answering()
            async with httpx2.AsyncClient(auth=auth, transport=carrier) as http:
                best[row] = min(best[row], await _turn(http, count))
            if carrier.signed != (0 if auth is None else count + 1):
                raise RuntimeError(f"{row}: {carrier.signed} of {count} requests had the token")
    return [Added(row, seconds) for row, seconds in best.items()]


async def _turn(http: httpx2.AsyncClient, count: int) -> float:
    await http.post(URL, content=b"{}")
    began = time.thread_time()
    for _ in range(count):
        await http.post(URL, content=b"{}")
    return (time.thread_time() - began) / count


if __name__ == "__main__":
    for one in measure(rounds=20, count=200):
        print(f"{one.seconds * 1e6:7.1f} µs  {one.row}")
