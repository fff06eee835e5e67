"""Which pages may ask, and what they may read."""

import pytest

from tests.gateway.stand import standing
from tests.net.tls_server import ok

TOKEN = "/realms/mcp-realm/protocol/openid-connect/token"
PREFLIGHT = ("Access-Control-Request-Method", "POST")
INSPECTOR = "http://localhost:6274"
STRANGER = "https://evil.example"


async def test_a_page_of_this_machine_may_ask_and_read() -> None:
    theirs = ("Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true")
    async with standing(ok(b"{}", *theirs)) as stand:
        asked = await stand.get(
            TOKEN,
            ("Origin", INSPECTOR),
            PREFLIGHT,
            ("Access-Control-Request-Headers", "authorization, x-evil"),
            method="OPTIONS",
        )
        got = await stand.post(TOKEN, b"a=1", ("Origin", INSPECTOR))

    assert asked.status == 204
    assert asked.header("access-control-allow-origin") == INSPECTOR
    assert asked.header("access-control-allow-headers") == "authorization"
    assert got.header("access-control-allow-origin") == INSPECTOR
    # With credentials, a page could ask in the name of whoever is signed in at the provider.
    for answer in (asked, got):
        assert answer.header("access-control-allow-credentials") is None
        assert "Origin" in answer.header("vary")
    assert len(stand.behind.requests) == 1


@pytest.mark.parametrize("origin", [STRANGER, "null", "http://localhost.evil.example"])
async def test_a_page_from_elsewhere_may_neither_ask_nor_read(origin: str) -> None:
    theirs = ok(b"{}", f"Access-Control-Allow-Origin: {origin}")
    async with standing(theirs) as stand:
        asked = await stand.get(TOKEN, ("Origin", origin), PREFLIGHT, method="OPTIONS")
        got = await stand.get(TOKEN, ("Origin", origin))

    assert asked.header("access-control-allow-origin") is None
    assert asked.header("access-control-allow-methods") is None
    assert got.header("access-control-allow-origin") is None


async def test_a_listed_origin_may_read_too() -> None:
    async with standing(ok(b"{}"), allowed_origins=[STRANGER]) as stand:
        got = await stand.post(TOKEN, b"a=1", ("Origin", STRANGER))

    assert got.header("access-control-allow-origin") == STRANGER


async def test_a_page_reads_a_refusal_too() -> None:
    async with standing(ok(b"never"), max_body=1) as stand:
        got = await stand.post(TOKEN, b"a=1", ("Origin", INSPECTOR))

    assert got.status == 413
    assert got.header("access-control-allow-origin") == INSPECTOR


async def test_an_mcp_server_answers_for_itself() -> None:
    theirs = ok(b"{}", "Access-Control-Allow-Origin: https://app.example")
    async with standing(theirs) as stand:
        asked = await stand.get("/mcp", ("Origin", STRANGER), PREFLIGHT, method="OPTIONS")

    assert asked.header("access-control-allow-origin") == "https://app.example"
    assert stand.behind.requests[0].startswith("OPTIONS /mcp")
