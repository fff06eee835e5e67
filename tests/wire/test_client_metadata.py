"""Client metadata: registrations and client ID metadata documents."""

from dataclasses import replace
from typing import Any

import pytest

from doorward.idp.clients import CLIENTS
from doorward.wire.oauth.client_metadata import (
    PUBLIC_CLIENT,
    InvalidClientMetadata,
    InvalidRedirectUri,
    RegistrationPolicy,
    is_client_id_url,
    looks_like_url,
    parse_client_document,
    parse_registration,
)
from tests.ledger import proves

URL = "https://app.example/oauth/client.json"
POLICY = RegistrationPolicy(
    auth_methods=("none", "client_secret_basic", "client_secret_post"),
    grant_types=("authorization_code", "refresh_token"),
)

# As these clients publish them; ChatGPT's had no method of its own until it got a key.
KEYLESS: dict[str, Any] = {
    "client_id": "https://chatgpt.com/oauth/client.json",
    "client_name": "ChatGPT",
    "redirect_uris": ["https://chatgpt.com/connector/oauth/abc"],
    "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    "grant_types": ["authorization_code", "refresh_token"],
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    **{
        client.name: dict(client.connection.document.value)
        for client in CLIENTS
        if client.connection is not None and client.connection.document is not None
    },
    "chatgpt without a key": KEYLESS,
}
WITH_KEYS = replace(
    PUBLIC_CLIENT,
    auth_methods=("none", "private_key_jwt"),
    key_methods=("private_key_jwt",),
    signing_algorithms=frozenset({"RS256"}),
)


def registration(**changes: Any) -> dict[str, Any]:
    document = {
        "client_name": "An app",
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "none",
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def document(**changes: Any) -> dict[str, Any]:
    return {"client_id": URL, **registration(**changes)}


@proves("S81", "accepts", "documents of real clients")
@proves("S74", "accepts", "documents hold no secrets")
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "chatgpt"])
def test_the_documents_of_real_clients_are_accepted(name: str) -> None:
    metadata = parse_client_document(DOCUMENTS[name], DOCUMENTS[name]["client_id"], PUBLIC_CLIENT)

    assert metadata.token_endpoint_auth_method == "none"
    assert set(metadata.grant_types) <= {"authorization_code", "refresh_token"}


@proves("S81", "accepts", "documents of real clients")
def test_the_document_of_a_real_client_with_a_key_is_accepted() -> None:
    document = DOCUMENTS["chatgpt"]

    metadata = parse_client_document(document, document["client_id"], WITH_KEYS)

    assert metadata.token_endpoint_auth_method == "private_key_jwt"
    assert metadata.jwks_uri == "https://chatgpt.com/oauth/jwks.json"


@proves("S81", "refuses", "documents of real clients")
def test_unknown_grant_types_do_not_replace_the_required_one() -> None:
    with pytest.raises(InvalidClientMetadata):
        parse_client_document(document(grant_types=["urn:example:other"]), URL, PUBLIC_CLIENT)


def test_cursor_can_register_three_kinds_of_redirect_uri() -> None:
    (cursor,) = [client for client in CLIENTS if client.name == "cursor"]
    uris = list(cursor.redirect_uris.value)

    assert len(uris) == 3
    assert parse_registration(registration(redirect_uris=uris), POLICY).redirect_uris == tuple(uris)


def test_an_operator_can_refuse_editor_schemes() -> None:
    with pytest.raises(InvalidRedirectUri):
        parse_registration(
            registration(redirect_uris=["cursor://anysphere.cursor-mcp/oauth/callback"]),
            replace(POLICY, private_schemes=frozenset()),
        )


@proves("S64", "accepts", "a document names its own id")
def test_a_document_that_names_the_url_it_came_from_is_accepted() -> None:
    assert parse_client_document(document(), URL, PUBLIC_CLIENT).client_name == "An app"


@proves("S64", "refuses", "a document names its own id")
@pytest.mark.parametrize(
    "client_id",
    [URL + "/", URL.upper(), URL.replace("app", "App"), URL.replace("o", "%6f"), "", None, [URL]],
)
def test_a_document_that_names_another_url_is_refused(client_id: Any) -> None:
    with pytest.raises(InvalidClientMetadata):
        parse_client_document({**document(), "client_id": client_id}, URL, PUBLIC_CLIENT)


@proves("S74", "refuses", "documents hold no secrets")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "s3cret"},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": None, "token_endpoint_auth_methods_supported": []},
        {"jwks": {"keys": [{"kty": "RSA", "n": "x", "e": "AQAB", "d": "x"}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "x"}]}},
        {"client_name": None},
        {"redirect_uris": None},
        {"redirect_uris": []},
    ],
)
def test_a_document_with_secrets_or_without_the_essentials_is_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(InvalidClientMetadata):
        parse_client_document(document(**changes), URL, PUBLIC_CLIENT)


@proves("S63", "accepts", "client id URLs")
@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://app.example:8443/client",
        "https://xn--pple-43d.example/client",
        "https://app.example/client?v=2",
        "https://app.example/a.b/..c/client",
    ],
)
def test_a_suitable_url_is_accepted_as_a_client_id(url: str) -> None:
    assert is_client_id_url(url)


@proves("S63", "refuses", "client id URLs")
@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/client",
        "https://app.example",
        "https://app.example/",
        "https://app.example?client",
        "https://app.example/../client",
        "https://app.example/./client",
        "https://app.example/%2e%2e/client",
        "https://app.example/%2E/client",
        "https://app.example/client#x",
        "https://app.example/client#",
        "https://user@app.example/client",
        "https://user:pw@app.example/client",
        "https://app.example/a client",
        "https://app.example/client\n",
        "https://app.example\\client",
        "https://app.example:/client",
        "https://app.example:99999/client",
        "HTTPS://app.example/client",
        "https://App.Example/client",
        "https://аpp.example/client",
        "https://localhost/client",
        "https://127.0.0.1/client",
        "https://0x7f.1/client",
        "https://2130706433/client",
        "https://[::1]/client",
        "https://app.example./client",
        "https://app.example/" + "a" * 2048,
        "ftp://app.example/client",
        "",
    ],
)
def test_an_unsuitable_url_is_refused_as_a_client_id(url: str) -> None:
    assert not is_client_id_url(url)


def test_a_development_host_must_match_host_and_port() -> None:
    local = frozenset({"localhost:8000"})

    assert is_client_id_url("http://localhost:8000/client.json", local_hosts=local)
    assert not is_client_id_url("http://localhost:8001/client.json", local_hosts=local)
    assert not is_client_id_url("http://localhost:8000/", local_hosts=local)


@pytest.mark.parametrize("client_id", [URL, "HTTP://x/y", "https:x", "javascript://x"])
def test_a_client_id_that_resembles_a_url_is_recognised_as_one(client_id: str) -> None:
    assert looks_like_url(client_id)


@proves("S54", "accepts", "secrets by client type")
@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("none", "none"),
        ("client_secret_post", "client_secret_post"),
        (None, "client_secret_basic"),
    ],
)
def test_the_authentication_method_is_kept_or_is_the_default_of_the_rfc(
    asked: str | None, kept: str
) -> None:
    metadata = parse_registration(registration(token_endpoint_auth_method=asked), POLICY)

    assert metadata.token_endpoint_auth_method == kept


@proves("S53", "refuses", "grants of open registration")
@pytest.mark.parametrize(
    "grant_types",
    [
        ["client_credentials"],
        ["urn:ietf:params:oauth:grant-type:token-exchange"],
        ["urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token"],
        ["implicit", "password"],
    ],
)
def test_a_registered_client_gets_no_grant_without_a_user(grant_types: list[str]) -> None:
    with pytest.raises(InvalidClientMetadata) as refusal:
        parse_registration(registration(grant_types=grant_types), POLICY)

    assert refusal.value.wire_error == "invalid_client_metadata"


@proves("S53", "accepts", "grants of open registration")
def test_grants_without_a_user_are_removed_from_a_longer_list() -> None:
    metadata = parse_registration(
        registration(grant_types=["client_credentials", "authorization_code", "refresh_token"]),
        POLICY,
    )

    assert metadata.grant_types == ("authorization_code", "refresh_token")


@proves("S55", "accepts", "client links and key sets")
def test_links_over_https_are_kept() -> None:
    links = {
        name: f"https://app.example/{name}"
        for name in ("client_uri", "logo_uri", "tos_uri", "policy_uri")
    }

    metadata = parse_registration(
        registration(**links, jwks_uri="https://app.example/jwks"), POLICY
    )

    assert metadata.logo_uri == links["logo_uri"]


@proves("S55", "refuses", "client links and key sets")
@pytest.mark.parametrize("name", ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri"])
@pytest.mark.parametrize("link", ["http://app.example/", "javascript:alert(1)", "data:,x", "/x", 1])
def test_links_that_are_not_https_are_refused(name: str, link: Any) -> None:
    with pytest.raises(InvalidClientMetadata):
        parse_registration(registration(**{name: link}), POLICY)


@proves("S55", "refuses", "client links and key sets")
@pytest.mark.parametrize(
    "jwks",
    [
        {"keys": [{"kty": "EC", "d": "x"}]},
        {"keys": [{"kty": "oct", "k": "x"}]},
        {"keys": "x"},
        {"keys": ["x"]},
        "x",
    ],
)
def test_a_key_set_with_private_keys_is_refused(jwks: Any) -> None:
    with pytest.raises(InvalidClientMetadata):
        parse_registration(registration(jwks=jwks), POLICY)


@proves("S58", "refuses", "hostile registration bodies")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_name": "x" * 201},
        {"client_name": ["x"]},
        {"redirect_uris": ["https://app.example/cb"] * 21},
        {"redirect_uris": "https://app.example/cb"},
        {"redirect_uris": [7]},
        {"redirect_uris": None},
        {"scope": 'a "b"'},
        {"scope": ["a"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"application_type": "desktop"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"jwks": {"keys": []}, "jwks_uri": "https://app.example/jwks"},
    ],
)
def test_members_that_are_too_long_or_of_the_wrong_type_are_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(InvalidClientMetadata) as refusal:
        parse_registration(registration(**changes), POLICY)

    assert refusal.value.status == 400
    assert refusal.value.wire_error in ("invalid_client_metadata", "invalid_redirect_uri")


def test_a_refusal_names_the_member_and_not_its_value() -> None:
    with pytest.raises(InvalidRedirectUri) as refusal:
        parse_registration(
            registration(redirect_uris=["https://ok.example/", "data:<script>"]), POLICY
        )

    assert refusal.value.description.startswith("redirect_uris[1] ")
    assert "script" not in refusal.value.description
