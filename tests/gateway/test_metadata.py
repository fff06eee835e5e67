"""A realm's metadata is found wherever clients look, and says only what its tokens will say too."""

import json

import pytest

from doorward.gateway.realm import issuer_of
from tests.gateway.stand import ISSUER, document, standing
from tests.net.tls_server import ok

BELOW = "/realms/mcp-realm/.well-known"


@pytest.mark.parametrize("kind", ["oauth-authorization-server", "openid-configuration"])
@pytest.mark.parametrize(
    "place",
    [
        pytest.param("/.well-known/{}", id="root"),
        pytest.param("/.well-known/{}/realms/mcp-realm", id="inserted"),
        pytest.param(BELOW + "/{}", id="appended"),
    ],
)
async def test_it_is_served_in_every_place_from_the_one_that_keycloak_has(
    kind: str, place: str
) -> None:
    async with standing(document()) as stand:
        got = await stand.get(place.format(kind), ("Origin", "https://page.example"))

    assert got.status == 200
    assert got.json["issuer"] == ISSUER
    assert got.header("access-control-allow-origin") == "*"
    assert stand.behind.requests[0].startswith(f"GET {BELOW}/{kind} HTTP/1.1\r\n")


async def test_a_realm_that_names_itself_otherwise_is_not_shown() -> None:
    other = "http://localhost:8080/realms/mcp-realm"
    async with standing(document(issuer=other)) as stand:
        got = await stand.get(f"{BELOW}/openid-configuration")

    assert (got.status, got.json["error"]) == (502, "foreign-issuer")
    assert "8080" not in got.body.decode()
    assert other in stand.told[0].detail


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(b"<html>"), id="no-json"),
        pytest.param(ok(b"[]"), id="no-object"),
        pytest.param(ok(f'{{"issuer":"x","issuer":"{ISSUER}"}}'.encode()), id="two-issuers"),
        pytest.param(ok(json.dumps({"issuer": ISSUER, "x": "x" * 300_000}).encode()), id="endless"),
    ],
)
async def test_what_is_no_metadata_is_not_passed_on(answer: bytes) -> None:
    async with standing(answer) as stand:
        got = await stand.get(f"{BELOW}/openid-configuration")

    assert (got.status, got.json["error"]) == (502, "upstream-broken")


async def test_a_realm_that_is_not_there_is_told_as_keycloak_tells_it() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
    async with standing(answer) as stand:
        got = await stand.get(f"{BELOW}/openid-configuration")

    assert (got.status, got.body) == (404, b"{}")


async def test_metadata_can_only_be_read() -> None:
    async with standing(document()) as stand:
        written = await stand.post(f"{BELOW}/openid-configuration", b"x=1")
        looked = await stand.get(f"{BELOW}/openid-configuration", method="HEAD")

    assert (written.status, written.json["error"]) == (405, "method-not-forwarded")
    assert (looked.status, looked.body) == (200, b"")


def test_the_issuer_is_the_public_address_and_the_realm() -> None:
    assert issuer_of("http://localhost:9090", "mcp-realm") == ISSUER
