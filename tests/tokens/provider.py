"""An issuer that publishes its keys over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from doorward.net import Fetcher
from doorward.tokens import Freshness, RemoteKeys
from tests.tokens.clock import FakeClock
from tests.tokens.signer import Signer


@dataclass
class Provider:
    """An issuer over plain http on loopback, which the fetcher is configured to allow."""

    documents: dict[str, bytes] = field(default_factory=dict)
    headers: str = ""
    status: str = "200 OK"
    asked: list[str] = field(default_factory=list)
    port: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, *jwks: dict[str, Any]) -> None:
        self.documents["/keys"] = json.dumps({"keys": jwks}).encode()

    def describe(self, path: str, **members: Any) -> None:
        self.documents[path] = json.dumps(members).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.asked.append(path)
        body = self.documents.get(path)
        await self.gate.wait()
        status = self.status
        if body is None:
            body, status = b"{}", "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{self.headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    def fetcher(self) -> Fetcher:
        return Fetcher(allow_private_hosts=frozenset({f"127.0.0.1:{self.port}"}), timeout=2)


async def until(true: Callable[[], bool]) -> None:
    """Run the event loop until ``true()`` holds. The time limit of the test ends it otherwise."""
    while not true():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def running(provider: Provider) -> AsyncIterator[Provider]:
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()


def remote(provider: Provider, time: FakeClock, **freshness: Any) -> RemoteKeys:
    return RemoteKeys(
        f"{provider.url}/keys",
        fetcher=provider.fetcher(),
        clock=time,
        freshness=Freshness(**freshness),
    )


async def started(
    provider: Provider, signer: Signer, time: FakeClock, **freshness: Any
) -> RemoteKeys:
    """Publish the signer's key, and fetch it."""
    provider.publish(signer.jwk)
    keys = remote(provider, time, **freshness)
    await keys.start()
    return keys
