"""Ten thousand callers during a key rotation, an outage and the removal of a key."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from doorward import Guard, Policy
from tests.tokens.signer import NOW, RESOURCE, Signer, claims

TOKENS = 10_000
AT_ONCE = 50


class Provider:
    """An issuer with metadata and keys, on a port of this machine, which counts its questions."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys: list[dict[str, Any]] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.asked["keys" if path == "/keys" else "metadata"] += 1
        # Gives the other callers time to request the same document.
        await asyncio.sleep(0)
        document = (
            {"keys": self.keys}
            if path == "/keys"
            else {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        )
        body = json.dumps(document).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Callers:
    """The guarded application, and who was answered what."""

    def __init__(self, provider: Provider, clock: Time) -> None:
        guard = Guard(
            resource=RESOURCE, issuer=provider.issuer, policy=Policy(), clock=clock,
            algorithms=("ES256",), longest_life=100_000, audit=lambda event: None,
        )  # fmt: skip
        self.guarded = guard.protect(who_am_i)

    async def ask(self, token: bytes) -> tuple[int, str]:
        """Return the status and the subject that one caller is answered."""
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
        got: list[Any] = []
        scope = {
            "type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "query_string": b"",
            "scheme": "https", "http_version": "1.1", "server": ("mcp.example", 443),
            "headers": [
                (b"host", b"mcp.example"), (b"content-type", b"application/json"),
                (b"authorization", b"Bearer " + token),
            ],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            got.append(message)

        await self.guarded(scope, receive, send)
        return got[0]["status"], b"".join(one.get("body", b"") for one in got).decode()

    async def all(self, tokens: Iterable[tuple[str, bytes]]) -> Counter[int | str]:
        """Ask with every token, many at once; count statuses and answers to the wrong person."""
        left, seen = iter(tokens), Counter[int | str]()

        async def work() -> None:
            for subject, token in left:
                status, said = await self.ask(token)
                seen[status] += 1
                if status == 200 and said != subject:
                    seen["somebody else's answer"] += 1

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return seen


async def who_am_i(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the subject of the caller."""
    body = scope["doorward.identity"].subject.encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    place = Provider()
    await place.start()
    yield place
    place.stop()


def minted(signer: Signer, provider: Provider, numbers: range) -> list[tuple[str, bytes]]:
    people = ((n, f"user-{n}") for n in numbers)
    return [
        (name, signer.token(claims(iss=provider.issuer, sub=name, jti=str(n), exp=NOW + 50_000)))
        for n, name in people
    ]


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_ten_thousand_callers_are_served_through_a_key_rotation_and_an_outage(
    provider: Provider,
) -> None:
    clock, old, new = Time(), Signer("ES256", "old"), Signer("ES256", "new")
    first = minted(old, provider, range(TOKENS // 2))
    second = minted(new, provider, range(TOKENS // 2, TOKENS))
    forged = minted(Signer("ES256", "new"), provider, range(1))[0][1]
    provider.keys = [old.jwk]
    callers = Callers(provider, clock)

    # Rotated in while the old ones are served: asked for twice in all, however many ask at once.
    assert await callers.all(first) == {200: TOKENS // 2}
    provider.keys = [new.jwk, old.jwk]
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    assert await callers.all(mixed) == {200: TOKENS}
    assert provider.asked == {"metadata": 2, "keys": 2}
    assert (await callers.ask(forged))[0] == 401

    # The provider stops, and the time for which its keys are believed runs out, again and again.
    provider.stop()
    for _ in range(3):
        clock.now += 1000
        assert await callers.all(mixed) == {200: TOKENS}
    assert (await callers.ask(minted(Signer("ES256", "newer"), provider, range(1))[0][1]))[0] == 503
    assert provider.asked == {"metadata": 2, "keys": 2}

    # It is back without the old key: only the tokens of that key are refused.
    provider.keys = [new.jwk]
    await provider.start()
    clock.now += 10
    while provider.asked["keys"] < 3:
        assert set(await callers.all(second[:AT_ONCE])) == {200}
    assert await callers.all(second) == {200: TOKENS // 2}
    assert await callers.all(first) == {401: TOKENS // 2}
    assert provider.asked["keys"] <= 3 + 4
