"""A realm's metadata is at every well-known path, and only with the issuer of its tokens."""

import json

import pytest

from doorward.gateway.realm import issuer_of
from tests.gateway.running_gateway import ISSUER, document, running_gateway
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
async def test_metadata_is_served_at_every_well_known_path_from_keycloaks_one(
    kind: str, place: str
) -> None:
    async with running_gateway(document()) as gateway:
        got = await gateway.get(place.format(kind), ("Origin", "https://page.example"))

    assert got.status == 200
    assert got.json["issuer"] == ISSUER
    assert got.header("access-control-allow-origin") == "*"
    assert gateway.upstream.requests[0].startswith(f"GET {BELOW}/{kind} HTTP/1.1\r\n")


async def test_metadata_with_another_issuer_is_refused() -> None:
    other = "http://localhost:8080/realms/mcp-realm"
    async with running_gateway(document(issuer=other)) as gateway:
        got = await gateway.get(f"{BELOW}/openid-configuration")

    assert (got.status, got.json["error"]) == (502, "foreign-issuer")
    assert "8080" not in got.body.decode()
    assert other in gateway.events[0].detail


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(b"<html>"), id="no-json"),
        pytest.param(ok(b"[]"), id="no-object"),
        pytest.param(ok(f'{{"issuer":"x","issuer":"{ISSUER}"}}'.encode()), id="two-issuers"),
        pytest.param(ok(json.dumps({"issuer": ISSUER, "x": "x" * 300_000}).encode()), id="endless"),
    ],
)
async def test_a_document_that_is_not_metadata_is_refused(answer: bytes) -> None:
    async with running_gateway(answer) as gateway:
        got = await gateway.get(f"{BELOW}/openid-configuration")

    assert (got.status, got.json["error"]) == (502, "upstream-broken")


async def test_an_unknown_realm_gets_keycloaks_own_response() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
    async with running_gateway(answer) as gateway:
        got = await gateway.get(f"{BELOW}/openid-configuration")

    assert (got.status, got.body) == (404, b"{}")


async def test_metadata_allows_only_get_and_head() -> None:
    async with running_gateway(document()) as gateway:
        written = await gateway.post(f"{BELOW}/openid-configuration", b"x=1")
        looked = await gateway.get(f"{BELOW}/openid-configuration", method="HEAD")

    assert (written.status, written.json["error"]) == (405, "method-not-forwarded")
    assert (looked.status, looked.body) == (200, b"")


def test_the_issuer_is_the_public_url_of_the_realm() -> None:
    assert issuer_of("http://localhost:9090", "mcp-realm") == ISSUER
