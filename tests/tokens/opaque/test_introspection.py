"""Introspection requests: their form and their endpoint."""

import base64
import json
from typing import Any

import pytest

from doorward.jose.private_key import PrivateKey
from doorward.net import FetchResponse
from doorward.tokens import CredentialVerifier, Introspection
from doorward.tokens.refusals import LookupUnavailable
from tests.tokens.clock import FakeClock
from tests.tokens.opaque.opaque_verifier import opaque_verifier
from tests.tokens.stub_issuer import (
    ENDPOINT,
    ISSUER,
    NOW,
    TOKEN,
    StubIssuer,
    active,
    answer,
    lookup,
    opaque,
)


async def test_the_identity_comes_from_the_introspection_response() -> None:
    verifier, stub = opaque_verifier(active(roles=["staff"]))

    caller = await verifier.verify(TOKEN)

    assert caller.key == (ISSUER, "alice")
    assert (caller.client_id, caller.kind, caller.name) == ("client-1", "person", "Alice")
    assert caller.scopes == {"mcp:read", "mcp:tools"}
    assert caller.roles == {"staff"}
    assert caller.expires_at == NOW + 600
    assert [url for url, _ in stub.requests] == [ENDPOINT]


async def test_the_client_uses_client_secret_basic_by_default() -> None:
    verifier, stub = opaque_verifier(
        issuer=opaque(lookup=lookup(client_id="a b", client_secret="ö:%"))
    )

    await verifier.verify(TOKEN)

    question = stub.requests[0][1]
    scheme, _, shown = (question.authorization or "").partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(shown) == b"a+b:%C3%B6%3A%25"
    assert stub.form() == {"token": TOKEN.decode(), "token_type_hint": "access_token"}
    assert question.method == "POST"
    assert question.content_type == "application/x-www-form-urlencoded"
    assert question.accept == "application/json"


async def test_the_client_can_use_client_secret_post() -> None:
    verifier, stub = opaque_verifier(issuer=opaque(lookup=lookup(method="client_secret_post")))

    await verifier.verify(TOKEN)

    assert stub.requests[0][1].authorization is None
    assert stub.form()["client_id"] == "mcp-server"
    assert stub.form()["client_secret"] == "s3cret"


async def test_the_client_can_use_private_key_jwt() -> None:
    key = PrivateKey.generate()
    way = Introspection(client_id="mcp-server", private_key=key, endpoint=ENDPOINT)
    verifier, stub = opaque_verifier(issuer=opaque(lookup=way))

    await verifier.verify(TOKEN)
    verifier.recall(b"")
    form = stub.form()
    _, payload, _ = form["client_assertion"].split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))

    assert form["client_assertion_type"].endswith("client-assertion-type:jwt-bearer")
    assert (said["iss"], said["sub"], said["aud"]) == ("mcp-server", "mcp-server", ISSUER)
    assert (said["iat"], said["exp"]) == (NOW, NOW + 60)
    assert stub.requests[0][1].authorization is None
    assert "client_secret" not in form


async def test_the_discovered_endpoint_is_cached_for_an_hour() -> None:
    metadata = {"issuer": ISSUER, "introspection_endpoint": "https://opaque.example/ask"}

    def says(url: str) -> FetchResponse:
        return answer(metadata if "/.well-known/" in url else active())

    stub, time = StubIssuer(says), FakeClock()
    way = lookup(endpoint=None, cache_ttl=0)
    verifier = CredentialVerifier([opaque(lookup=way)], clock=time, fetcher=stub)

    for _ in range(3):
        await verifier.verify(TOKEN)
    time.now += 3600
    metadata["introspection_endpoint"] = "https://opaque.example/moved"
    said = active(exp=NOW + 9000)
    stub.says = lambda url: answer(metadata if "/.well-known/" in url else said)
    await verifier.verify(TOKEN)

    assert [url.removeprefix(ISSUER) for url, _ in stub.requests] == [
        "/.well-known/oauth-authorization-server", "/ask", "/ask", "/ask",
        "/.well-known/oauth-authorization-server", "/moved",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": ISSUER},
        {"issuer": "https://other.example", "introspection_endpoint": ENDPOINT},
        {"issuer": ISSUER, "introspection_endpoint": "http://opaque.example/ask"},
        {"issuer": ISSUER, "introspection_endpoint": 7},
    ],
)
async def test_without_a_usable_endpoint_in_the_metadata_no_token_is_sent(metadata: Any) -> None:
    verifier, stub = opaque_verifier(metadata, issuer=opaque(lookup=lookup(endpoint=None)))

    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)
    first = len(stub.requests)
    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)

    assert all(question.method == "GET" for _, question in stub.requests)
    assert len(stub.requests) == first


async def test_the_internal_url_is_used_for_introspection() -> None:
    metadata = {"issuer": ISSUER, "introspection_endpoint": ENDPOINT}
    stub = StubIssuer(lambda url: answer(metadata if "/.well-known/" in url else active()))
    issuer = opaque(lookup=lookup(endpoint=None), internal_url="http://idp:8080")
    verifier = CredentialVerifier([issuer], clock=FakeClock(), fetcher=stub)

    await verifier.verify(TOKEN)

    assert stub.requests[-1][0] == "http://idp:8080/introspect"
