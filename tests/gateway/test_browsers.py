"""CORS: which web pages may send requests, and what they may read."""

import pytest

from tests.gateway.running_gateway import running_gateway
from tests.net.tls_server import ok

TOKEN = "/realms/mcp-realm/protocol/openid-connect/token"
PREFLIGHT = ("Access-Control-Request-Method", "POST")
INSPECTOR = "http://localhost:6274"
STRANGER = "https://evil.example"


async def test_a_local_page_may_send_requests_and_read_responses() -> None:
    theirs = ("Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true")
    async with running_gateway(ok(b"{}", *theirs)) as gateway:
        asked = await gateway.get(
            TOKEN,
            ("Origin", INSPECTOR),
            PREFLIGHT,
            ("Access-Control-Request-Headers", "authorization, x-evil"),
            method="OPTIONS",
        )
        got = await gateway.post(TOKEN, b"a=1", ("Origin", INSPECTOR))

    assert asked.status == 204
    assert asked.header("access-control-allow-origin") == INSPECTOR
    assert asked.header("access-control-allow-headers") == "authorization"
    assert got.header("access-control-allow-origin") == INSPECTOR
    # With credentials, a page could ask in the name of whoever is signed in at the provider.
    for answer in (asked, got):
        assert answer.header("access-control-allow-credentials") is None
        assert "Origin" in answer.header("vary")
    assert len(gateway.upstream.requests) == 1


@pytest.mark.parametrize("origin", [STRANGER, "null", "http://localhost.evil.example"])
async def test_a_page_of_another_origin_may_neither_send_nor_read(origin: str) -> None:
    theirs = ok(b"{}", f"Access-Control-Allow-Origin: {origin}")
    async with running_gateway(theirs) as gateway:
        asked = await gateway.get(TOKEN, ("Origin", origin), PREFLIGHT, method="OPTIONS")
        got = await gateway.get(TOKEN, ("Origin", origin))

    assert asked.header("access-control-allow-origin") is None
    assert asked.header("access-control-allow-methods") is None
    assert got.header("access-control-allow-origin") is None


async def test_a_page_of_an_allowed_origin_may_read_responses() -> None:
    async with running_gateway(ok(b"{}"), allowed_origins=[STRANGER]) as gateway:
        got = await gateway.post(TOKEN, b"a=1", ("Origin", STRANGER))

    assert got.header("access-control-allow-origin") == STRANGER


async def test_a_local_page_may_read_a_refusal() -> None:
    async with running_gateway(ok(b"never"), max_body=1) as gateway:
        got = await gateway.post(TOKEN, b"a=1", ("Origin", INSPECTOR))

    assert got.status == 413
    assert got.header("access-control-allow-origin") == INSPECTOR


async def test_the_mcp_server_decides_its_own_cors_headers() -> None:
    theirs = ok(b"{}", "Access-Control-Allow-Origin: https://app.example")
    async with running_gateway(theirs) as gateway:
        asked = await gateway.get("/mcp", ("Origin", STRANGER), PREFLIGHT, method="OPTIONS")

    assert asked.header("access-control-allow-origin") == "https://app.example"
    assert gateway.upstream.requests[0].startswith("OPTIONS /mcp")
