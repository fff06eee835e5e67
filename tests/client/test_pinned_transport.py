"""The pinned transport on real sockets: TLS verification and private addresses."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.client.refusals import DiscoveryFailed
from tests.ledger import proves


def certificate(folder: Path, name: str) -> Path:
    """Write a certificate for ``name`` and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / f"{name}.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def listening(pem: Path) -> AsyncIterator[int]:
    """Answer every https request on a loopback port with its own Host header."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (host,) = [line for line in head.split("\r\n") if line.lower().startswith("host:")]
        body = host.encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_pinned_connection_sends_the_host_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    async with listening(pem) as port:
        url = f"https://localhost:{port}/mcp"
        async with httpx2.AsyncClient(transport=PinnedTransport(UrlPolicy(url))) as http:
            answer = await http.get(url)

    assert answer.text.lower() == f"host: localhost:{port}"


async def test_a_certificate_for_another_host_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    async with listening(pem) as port:
        url = f"https://localhost:{port}/mcp"
        async with httpx2.AsyncClient(transport=PinnedTransport(UrlPolicy(url))) as http:
            with pytest.raises(httpx2.ConnectError):
                await http.get(url)


@proves("S166", "refuses", "discovered addresses are public https")
async def test_a_host_name_with_a_private_address_is_refused_before_a_request_is_sent() -> None:
    transport = PinnedTransport(UrlPolicy("https://mcp.example/mcp"))

    async with httpx2.AsyncClient(transport=transport) as http:
        with pytest.raises(DiscoveryFailed) as refusal:
            await http.get("https://localhost/token")

    assert refusal.value.reason == "private-address"
