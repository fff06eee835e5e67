"""Pinned connections: several names for one address, and mixed DNS answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.client.refusals import DiscoveryFailed
from tests.client.test_pinned_transport import certificate
from tests.ledger import proves

FIRST, SECOND = "first.test", "second.test"


class Tls:
    """A server that keeps connections open and knows a certificate for each of ``names``."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.asked: list[str | None] = []
        self.contexts = {name: self._context(folder, name) for name in names}
        self.default = next(iter(self.contexts.values()))
        self.default.sni_callback = self._choose
        self.port = 0

    @staticmethod
    def _context(folder: Path, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder, name))
        return context

    def _choose(self, socket: Any, name: str | None, _: ssl.SSLContext) -> None:
        self.asked.append(name)
        socket.context = self.contexts.get(name or "", self.default)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Tls"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self.default)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def url(self, name: str) -> str:
        return f"https://{name}:{self.port}/mcp"


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Resolve the names in this table, and no others."""
    names = {FIRST: ["127.0.0.1"], SECOND: ["127.0.0.1"]}

    async def resolve(host: str, _port: int) -> list[str]:
        return names[host]

    monkeypatch.setattr("doorward.client.http.url_policy.resolve", resolve)
    return names


def trust(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = folder / "trusted"
    bundle.write_bytes(b"".join(pem.read_bytes() for pem in folder.glob("*.pem")))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@proves("S225", "accepts", "connections per host name")
async def test_each_host_name_at_one_address_has_its_own_tls_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolved: dict[str, list[str]]
) -> None:
    tls = Tls(tmp_path, FIRST, SECOND)
    trust(tmp_path, monkeypatch)

    async with tls.listening():
        transport = PinnedTransport(UrlPolicy(tls.url(FIRST)))
        async with httpx2.AsyncClient(transport=transport) as http:
            for name in (FIRST, SECOND, FIRST, SECOND):
                assert (await http.get(tls.url(name))).text == "ok"

    # The server's own connection is kept; that of another name is not, and serves one request.
    assert tls.asked == [FIRST, SECOND, SECOND]


@proves("S225", "refuses", "connections per host name")
@pytest.mark.parametrize("keep_alive", [True, False])
async def test_a_host_name_without_a_certificate_cannot_reuse_another_connection(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resolved: dict[str, list[str]],
    keep_alive: bool,
) -> None:
    tls = Tls(tmp_path, FIRST)
    trust(tmp_path, monkeypatch)

    async with tls.listening():
        transport = PinnedTransport(UrlPolicy(tls.url(FIRST)), keep_alive=keep_alive)
        async with httpx2.AsyncClient(transport=transport) as http:
            assert (await http.get(tls.url(FIRST))).text == "ok"
            with pytest.raises(httpx2.ConnectError):
                await http.get(tls.url(SECOND))

    assert tls.asked == [FIRST, SECOND]


@proves("S225", "refuses", "connections per host name")
async def test_the_server_cannot_reuse_the_connection_of_a_discovered_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolved: dict[str, list[str]]
) -> None:
    tls = Tls(tmp_path, SECOND)
    trust(tmp_path, monkeypatch)

    async with tls.listening():
        url_policy = UrlPolicy(tls.url(FIRST))
        url_policy.allows_addresses(FIRST, ["127.0.0.1"])
        async with httpx2.AsyncClient(transport=PinnedTransport(url_policy)) as http:
            assert (await http.get(tls.url(SECOND))).text == "ok"
            with pytest.raises(httpx2.ConnectError):
                await http.get(tls.url(FIRST))


@proves("S227", "refuses", "mixed addresses are refused")
@pytest.mark.parametrize("inside", ["::1", "127.0.0.1", "10.0.0.5", "169.254.169.254", "fd00::1"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_host_name_with_public_and_private_addresses_is_refused(inside: str, order: int) -> None:
    url_policy = UrlPolicy("https://mcp.example/mcp")

    assert not url_policy.allows_addresses("mcp.example", [inside, "8.8.8.8"][::order])

    assert not url_policy.is_private
    assert not url_policy.allows_addresses("issuer.example", ["10.0.0.5"])
    assert not url_policy.allows_addresses("issuer.example", ["169.254.169.254"])
    assert not url_policy.allows_host("10.0.0.5")


@proves("S227", "refuses", "mixed addresses are refused")
async def test_mixed_addresses_are_refused_before_a_request_is_sent(
    resolved: dict[str, list[str]],
) -> None:
    resolved[FIRST] = ["127.0.0.1", "8.8.8.8"]
    url = f"https://{FIRST}/mcp"

    async with httpx2.AsyncClient(transport=PinnedTransport(UrlPolicy(url))) as http:
        with pytest.raises(DiscoveryFailed) as refusal:
            await http.get(url)

    assert refusal.value.reason == "private-address"


@proves("S227", "refuses", "mixed addresses are refused")
def test_mixed_addresses_are_refused_for_an_issuer_of_an_intranet_server() -> None:
    url_policy = UrlPolicy("https://mcp.corp.example/mcp")
    url_policy.allows_addresses("mcp.corp.example", ["10.0.0.7"])

    assert not url_policy.allows_addresses("sso.corp.example", ["10.0.0.8", "8.8.8.8"])


@proves("S227", "accepts", "mixed addresses are refused")
def test_a_host_name_whose_addresses_are_all_of_one_kind_is_allowed() -> None:
    assert UrlPolicy("https://a.example/").allows_addresses(
        "a.example", ["8.8.8.8", "2606:4700::1"]
    )

    inside = UrlPolicy("https://mcp.corp.example/mcp")
    assert inside.allows_addresses("mcp.corp.example", ["10.0.0.7", "fd00::7"])
    assert inside.allows_addresses("sso.corp.example", ["192.168.1.1", "fd00::8"])


@proves("S227", "refuses", "mixed addresses are refused")
def test_an_intranet_server_cannot_name_the_cloud_metadata_service() -> None:
    url_policy = UrlPolicy("https://mcp.corp.example/mcp")
    url_policy.allows_addresses("mcp.corp.example", ["10.0.0.7"])

    assert not url_policy.allows_addresses("sso.corp.example", ["169.254.169.254"])
    assert not url_policy.allows_host("169.254.169.254")


@proves("S227", "refuses", "mixed addresses are refused")
def test_private_addresses_are_refused_once_a_server_becomes_public() -> None:
    url_policy = UrlPolicy("https://mcp.example/mcp")
    url_policy.allows_addresses("mcp.example", ["10.0.0.7"])

    assert url_policy.allows_addresses("mcp.example", ["8.8.8.8"])

    assert not url_policy.allows_addresses("issuer.example", ["10.0.0.8"])
    assert not url_policy.allows_addresses("mcp.example", ["10.0.0.7"])


@proves("S227", "refuses", "mixed addresses are refused")
def test_localhost_must_resolve_to_loopback_addresses_only() -> None:
    url_policy = UrlPolicy("http://localhost:8000/mcp")

    assert url_policy.allows_addresses("localhost", ["127.0.0.1", "::1"])
    assert not url_policy.allows_addresses("localhost", ["8.8.8.8"])
    assert not url_policy.allows_addresses("localhost", ["127.0.0.1", "10.0.0.5"])
