"""What the servers' side owes and no room's own tests name."""

import dataclasses
import json
from typing import Any

import pytest

from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.lifetimes import Lifetimes
from doorward.authserver.settings.resource import Resource
from doorward.errors import ConfigurationError
from doorward.tokens import TrustedIssuer, Verifier
from doorward.wire.oauth import resource_metadata
from doorward.wire.oauth.client_metadata import (
    PUBLIC_CLIENT,
    InvalidClientMetadata,
    parse_client_document,
)
from tests.ledger import proves

RESOURCE = "https://mcp.example/mcp"
ISSUER = "https://as.example"
CLIENT = "https://client.example/oauth/client.json"


@proves("disc-rs-lists-servers", "accepts")
def test_resource_metadata_lists_the_authorization_servers_it_was_given() -> None:
    document = resource_metadata.build(resource=RESOURCE, authorization_servers=[ISSUER])

    assert json.loads(document)["authorization_servers"] == [ISSUER]
    assert resource_metadata.parse(document, RESOURCE).authorization_servers == (ISSUER,)


@proves("disc-rs-lists-servers", "refuses")
@pytest.mark.parametrize("listed", [{}, {"authorization_servers": []}])
def test_a_server_without_an_issuer_does_not_start_and_its_metadata_is_not_believed(
    listed: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError) as start:
        Verifier([])
    with pytest.raises(resource_metadata.ResourceMetadataRefused) as reading:
        resource_metadata.parse(json.dumps({"resource": RESOURCE, **listed}).encode(), RESOURCE)

    assert start.value.reason == "no-issuers"
    assert reading.value.reason == "not-metadata"


def client_document(**changed: Any) -> dict[str, Any]:
    return {
        "client_id": CLIENT,
        "client_name": "A client",
        "redirect_uris": ["http://127.0.0.1:3000/callback"],
        "token_endpoint_auth_method": "none",
        **changed,
    }


@proves("reg-cimd-properties", "accepts")
def test_a_document_with_the_three_required_properties_is_read() -> None:
    metadata = parse_client_document(client_document(), CLIENT, PUBLIC_CLIENT)

    assert metadata.client_name == "A client"
    assert metadata.redirect_uris == ("http://127.0.0.1:3000/callback",)


@proves("reg-cimd-properties", "refuses")
@pytest.mark.parametrize("missing", ["client_id", "client_name", "redirect_uris"])
def test_a_document_without_one_of_them_is_not(missing: str) -> None:
    document = client_document()
    del document[missing]

    with pytest.raises(InvalidClientMetadata):
        parse_client_document(document, CLIENT, PUBLIC_CLIENT)


def settings(**changed: float) -> AuthServerSettings:
    return AuthServerSettings(
        issuer="http://localhost:9000",
        resources=(Resource(uri="http://localhost:9000/mcp", scopes={"mcp:read": "Read"}),),
        lifetimes=dataclasses.replace(Lifetimes(), **changed),
    )


@proves("sec-short-lived", "accepts")
def test_access_tokens_live_for_minutes_unless_told_otherwise() -> None:
    assert settings().lifetimes.access_token <= 3600


@proves("sec-short-lived", "refuses")
@pytest.mark.parametrize("life", [0, -1, 86401, float("inf"), float("nan")])
def test_access_tokens_that_would_live_longer_than_a_day_are_refused_at_the_start(
    life: float,
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        settings(access_token=life)

    assert refusal.value.reason == "access-token-too-long"


@proves("S91", "accepts", "no empty audience")
@pytest.mark.parametrize("audience", [RESOURCE, (RESOURCE,), (RESOURCE, "api://mcp")])
def test_an_issuer_is_trusted_for_the_audiences_that_are_named(
    audience: str | tuple[str, ...],
) -> None:
    assert RESOURCE in TrustedIssuer(issuer=ISSUER, audience=audience).audiences


@proves("S91", "refuses", "no empty audience")
@pytest.mark.parametrize("audience", ["", (), ("",), (RESOURCE, "")])
def test_no_audience_is_not_any_audience(audience: str | tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        TrustedIssuer(issuer=ISSUER, audience=audience)

    assert refusal.value.reason == "undecided-audience"
