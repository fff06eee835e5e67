"""Authorization server metadata: its URLs, and which documents are accepted."""

from typing import Any

import pytest

from doorward.wire.oauth.server_metadata import (
    IssuerMismatch,
    MalformedMetadata,
    PkceNotOffered,
    metadata_urls,
    parse,
    parse_jwks_uri,
)
from tests.ledger import proves

ISSUER = "https://as.example/tenant"


def good(**changes: Any) -> dict[str, Any]:
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "jwks_uri": "https://as.example/jwks.json",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


@proves("S2", "accepts", "metadata forms of an issuer with a path")
def test_an_issuer_with_a_path_has_three_metadata_urls_in_order() -> None:
    assert metadata_urls("https://as.example:8443/one/two/") == (
        "https://as.example:8443/.well-known/oauth-authorization-server/one/two",
        "https://as.example:8443/.well-known/openid-configuration/one/two",
        "https://as.example:8443/one/two/.well-known/openid-configuration",
    )


@pytest.mark.parametrize("issuer", ["https://as.example", "https://as.example/"])
def test_an_issuer_without_a_path_has_two_metadata_urls(issuer: str) -> None:
    assert metadata_urls(issuer) == (
        "https://as.example/.well-known/oauth-authorization-server",
        "https://as.example/.well-known/openid-configuration",
    )


def test_valid_metadata_is_parsed() -> None:
    metadata = parse(good(authorization_response_iss_parameter_supported=True), ISSUER)

    assert metadata.token_endpoint == "https://as.example/token"
    assert metadata.authorization_response_iss_parameter_supported
    assert metadata.registration_endpoint is None


@proves("S168", "refuses", "metadata of another issuer")
@pytest.mark.parametrize(
    "issuer",
    [
        "https://as.example",
        "https://as.example/tenant/",
        "https://AS.example/tenant",
        "https://as.example:443/tenant",
        "https://as.example/%74enant",
        "https://evil.example/tenant",
        None,
        [ISSUER],
    ],
)
def test_metadata_of_another_issuer_is_refused(issuer: Any) -> None:
    with pytest.raises(IssuerMismatch) as refusal:
        parse(good(issuer=issuer), ISSUER)

    assert refusal.value.code == "issuer-mismatch"


@proves("S169", "refuses", "S256 must be announced")
@pytest.mark.parametrize("methods", [None, [], ["plain"], ["s256"]])
def test_a_server_that_does_not_offer_s256_is_refused(methods: Any) -> None:
    with pytest.raises(PkceNotOffered):
        parse(good(code_challenge_methods_supported=methods), ISSUER)


@proves("S169", "accepts", "S256 must be announced")
@proves("S168", "accepts", "metadata of another issuer")
def test_a_server_that_offers_s256_among_others_is_accepted() -> None:
    assert parse(good(code_challenge_methods_supported=["plain", "S256"]), ISSUER).issuer == ISSUER


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"token_endpoint": None}, id="no-token-endpoint"),
        pytest.param({"token_endpoint": "http://as.example/token"}, id="plain-http"),
        pytest.param({"token_endpoint": "file:///token"}, id="file"),
        pytest.param({"authorization_endpoint": "javascript:alert(1)"}, id="javascript"),
        pytest.param({"authorization_endpoint": 7}, id="number"),
        pytest.param({"registration_endpoint": "/register"}, id="relative"),
        pytest.param({"jwks_uri": "https://as.example/jwks#x"}, id="fragment"),
        pytest.param({"scopes_supported": "a b"}, id="string-for-list"),
        pytest.param({"code_challenge_methods_supported": [1]}, id="numbers-in-list"),
        pytest.param({"client_id_metadata_document_supported": "true"}, id="string-for-flag"),
    ],
)
def test_members_of_the_wrong_type_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMetadata):
        parse(good(**changes), ISSUER)


def test_a_resource_server_needs_only_the_jwks_uri() -> None:
    document = good(code_challenge_methods_supported=None, token_endpoint=None)

    assert parse_jwks_uri(document, ISSUER) == "https://as.example/jwks.json"
    with pytest.raises(IssuerMismatch):
        parse_jwks_uri(document, "https://other.example")
