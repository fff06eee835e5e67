"""Metadata: where it is served, what it contains, and that the server does what it says."""

from typing import Any

import httpx2
import pytest

from doorward.authserver.settings.resource import Resource
from doorward.jose.private_key import PrivateKey
from doorward.net.client_authentication import CLIENT_AUTH_METHODS, ClientCredential
from doorward.wire.oauth.server_metadata import metadata_urls, parse
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import PASSWORD, AuthServerHarness, basic
from tests.ledger import proves

ISSUERS = [
    "http://localhost:9000",
    "http://localhost:9000/",
    "http://localhost:9000/tenant",
    "http://localhost:9000/tenant/one/",
    "https://auth.example",
    "https://auth.example:8443/tenant",
]
PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


async def documents(harness: AuthServerHarness) -> list[dict[str, Any]]:
    found = []
    for path in PATHS:
        response = await harness.http.get(path)
        assert response.status_code == 200
        found.append(response.json())
    return found


@proves("S1", "accepts", "metadata carries the configured issuer")
@proves("S2", "accepts", "metadata forms of an issuer with a path")
@pytest.mark.parametrize("issuer", ISSUERS)
async def test_every_place_where_a_client_looks_names_the_issuer_byte_for_byte(
    start_authserver: StartAuthServer, issuer: str
) -> None:
    harness = await start_authserver(issuer=issuer)

    for url in metadata_urls(issuer):
        response = await harness.http.get(url)
        assert response.status_code == 200, url
        assert response.headers["content-type"] == "application/json"
        assert parse(response.json(), issuer).issuer == issuer


@proves("S2", "accepts", "metadata forms of an issuer with a path")
async def test_an_issuer_with_a_path_also_answers_with_the_oauth_document_behind_it(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(issuer="http://localhost:9000/tenant")

    response = await harness.http.get("/tenant/.well-known/oauth-authorization-server")

    assert response.json()["token_endpoint"] == "http://localhost:9000/tenant/token"


@proves("S1", "refuses", "metadata carries the configured issuer")
@proves("S2", "refuses", "metadata forms of an issuer with a path")
@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/x"]
)
async def test_another_issuer_on_the_same_host_is_not_described(
    start_authserver: StartAuthServer, path: str
) -> None:
    harness = await start_authserver(issuer="http://localhost:9000/tenant")

    response = await harness.http.get(path)

    assert response.status_code == 404
    assert response.json() == {"error": "not_found"}


@proves("S3", "refuses", "Host never changes the issuer")
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"Host": "LOCALHOST:1"},
    ],
)
async def test_no_header_changes_an_address_in_the_metadata(
    harness: AuthServerHarness, headers: dict[str, str]
) -> None:
    for path in PATHS:
        plain, turned = await harness.http.get(path), await harness.http.get(path, headers=headers)
        assert turned.json() == plain.json()
        assert "evil" not in turned.text


@proves("S3", "refuses", "Host never changes the issuer")
@pytest.mark.parametrize("host", ["evil.example", "a/?x="])
async def test_under_a_foreign_host_there_is_no_metadata(
    harness: AuthServerHarness, host: str
) -> None:
    for path in PATHS:
        response = await harness.http.get(path, headers={"Host": host})
        assert response.status_code == 421
        assert response.json()["error"] == "invalid_request"
        assert "evil" not in response.text


@proves("S3", "accepts", "Host never changes the issuer")
async def test_addresses_come_from_the_issuer_behind_any_proxy(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(
        issuer="https://auth.example/as", allowed_hosts=("internal:8080",)
    )

    response = await harness.http.get(
        "/.well-known/oauth-authorization-server/as", headers={"Host": "internal:8080"}
    )

    assert response.json()["authorization_endpoint"] == "https://auth.example/as/authorize"


@proves("S4", "refuses", "Host cannot move the path")
@pytest.mark.parametrize("host", ["a/?x=", "localhost:9000/jwks.json?", "a#", "a/jwks.json\\"])
async def test_a_host_header_with_a_path_in_it_opens_no_other_endpoint(
    harness: AuthServerHarness, host: str
) -> None:
    response = await harness.http.post(
        "/introspect", data={"token": "x", "client_id": "y"}, headers={"Host": host}
    )

    assert response.status_code == 421


@proves("S4", "accepts", "Host cannot move the path")
async def test_a_host_header_in_capitals_does_not_keep_the_key_set_away(
    harness: AuthServerHarness,
) -> None:
    response = await harness.http.get("/jwks.json", headers={"Host": "LOCALHOST:9000"})

    assert response.json()["keys"]


@proves("S5", "accepts", "what is advertised works")
async def test_every_advertised_grant_and_method_of_authentication_works(
    harness: AuthServerHarness,
) -> None:
    metadata = (await documents(harness))[0]
    assert metadata["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert metadata["response_types_supported"] == ["code"]

    for method in metadata["token_endpoint_auth_methods_supported"]:
        key = PrivateKey.generate()
        keys = {"jwks": {"keys": [key.public_jwk()]}} if method == "private_key_jwt" else {}
        client = await harness.register(token_endpoint_auth_method=method, **keys)
        code = await harness.code(client["client_id"])
        secret = client.get("client_secret")
        fields = harness.code_fields(client["client_id"], code)
        headers = {}
        if method == "client_secret_basic":
            headers = basic(client["client_id"], client["client_secret"])
        if method == "client_secret_post":
            fields["client_secret"] = secret
        if method == "private_key_jwt":
            credential = ClientCredential(client_id=client["client_id"], private_key=key)
            sign = CLIENT_AUTH_METHODS[method].apply
            fields = sign(credential, fields, harness.issuer, harness.clock()).form
        tokens = await harness.token(fields, headers=headers)
        assert tokens.response.status_code == 200, (method, tokens.response.text)


@proves("S5", "refuses", "what is advertised works")
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
        "Authorization_Code",
    ],
)
async def test_a_grant_that_is_not_advertised_is_not_served(
    harness: AuthServerHarness, grant_type: str
) -> None:
    client = await harness.register()

    tokens = await harness.token({"grant_type": grant_type, "client_id": client["client_id"]})

    assert tokens.response.status_code == 400
    assert tokens.body["error"] == "unsupported_grant_type"


@proves("S5", "refuses", "what is advertised works")
async def test_a_method_of_authentication_that_is_not_advertised_is_not_registered(
    harness: AuthServerHarness,
) -> None:
    for method in ("self_signed_tls_client_auth", "client_secret_jwt", "tls_client_auth"):
        response = await harness.http.post(
            "/register",
            json={"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": method},
        )
        assert response.json()["error"] == "invalid_client_metadata"


@proves("S6", "accepts", "S256 is the only challenge method")
async def test_both_documents_offer_s256_and_nothing_else(harness: AuthServerHarness) -> None:
    for document in await documents(harness):
        assert document["code_challenge_methods_supported"] == ["S256"]


@proves("S7", "accepts", "iss support is advertised truthfully")
async def test_iss_is_advertised_and_sent(harness: AuthServerHarness) -> None:
    for document in await documents(harness):
        assert document["authorization_response_iss_parameter_supported"] is True
    client = await harness.register()

    response = await harness.browser().go_through(
        harness.authorize_url(client["client_id"]), "alice", PASSWORD
    )

    assert answer_in(response.headers["location"])["iss"] == harness.issuer


@proves("S8", "accepts", "CIMD support is advertised truthfully")
async def test_client_documents_are_advertised_when_they_are_read(
    harness: AuthServerHarness,
) -> None:
    for document in await documents(harness):
        assert document["client_id_metadata_document_supported"] is True


@proves("S8", "refuses", "CIMD support is advertised truthfully")
async def test_client_documents_are_neither_advertised_nor_read_when_switched_off(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(client_documents=False)
    for document in await documents(harness):
        assert document["client_id_metadata_document_supported"] is False

    response = await harness.http.get(harness.authorize_url("https://app.example/client.json"))

    assert response.status_code == 400
    assert "unknown-client" in response.text


async def test_a_closed_registration_is_not_advertised_and_does_not_answer(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(registration="closed")

    assert "registration_endpoint" not in (await documents(harness))[0]
    assert (await harness.http.post("/register", json={})).status_code == 404


async def test_the_openid_document_promises_no_id_tokens(harness: AuthServerHarness) -> None:
    document = (await documents(harness))[1]

    assert document["id_token_signing_alg_values_supported"] == []
    assert document["subject_types_supported"] == ["public"]
    assert "openid" not in document["scopes_supported"]


@proves("S9", "accepts", "the key set is public only")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_every_published_key_is_public_and_says_what_it_is_for(
    start_authserver: StartAuthServer, algorithm: str
) -> None:
    harness = await start_authserver(signing_algorithm=algorithm)

    keys = (await harness.http.get("/jwks.json")).json()["keys"]

    assert len(keys) == 1
    assert {"kid", "use", "alg", "kty"} <= keys[0].keys()
    assert keys[0]["alg"] == algorithm
    assert keys[0]["use"] == "sig"


@proves("S9", "refuses", "the key set is public only")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_no_published_key_has_a_private_member(
    start_authserver: StartAuthServer, algorithm: str
) -> None:
    harness = await start_authserver(signing_algorithm=algorithm)
    await harness.server.keys.rotate()

    for key in (await harness.http.get("/jwks.json")).json()["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & key.keys()
        assert key["kty"] != "oct"


@proves("S9", "accepts", "the key set is public only")
async def test_a_retired_key_stays_until_its_last_token_is_over(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    old = harness.server.keys.current().kid
    new = await harness.server.keys.rotate()

    def published() -> set[str]:
        return {key["kid"] for key in harness.server.jwks()["keys"]}

    assert published() == {old, new}
    # The new key signs two minutes later.
    clock.advance(120 + harness.server.settings.lifetimes.access_token)
    assert published() == {old, new}
    clock.advance(301)
    assert published() == {new}


async def test_a_key_that_has_served_its_time_is_replaced_by_itself(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    old = harness.server.keys.current().kid
    clock.advance(harness.server.settings.lifetimes.signing_key)

    await harness.http.get("/jwks.json")
    assert harness.server.keys.current().kid == old
    clock.advance(120)
    assert harness.server.keys.current().kid != old


async def test_the_scopes_of_all_resources_are_advertised(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(
        resources=(
            Resource(uri="http://localhost:9000/mcp", scopes={"a": "A"}),
            Resource(uri="http://localhost:9000/other", scopes={"b": "B"}),
        )
    )

    document = (await documents(harness))[0]

    assert document["scopes_supported"] == ["a", "b"]
    assert document["protected_resources"] == [
        "http://localhost:9000/mcp",
        "http://localhost:9000/other",
    ]


@proves("S6", "refuses", "S256 is the only challenge method")
async def test_plain_is_neither_advertised_nor_taken(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response: httpx2.Response = await harness.http.get(
        harness.authorize_url(client["client_id"], code_challenge_method="plain")
    )

    assert answer_in(response.headers["location"])["error"] == "invalid_request"


@proves("S7", "refuses", "iss support is advertised truthfully")
async def test_an_error_carries_iss_as_well(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], response_type="token")
    )

    assert answer_in(response.headers["location"])["iss"] == harness.issuer


async def test_the_keys_are_published_while_the_database_is_away(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    before = (await harness.http.get("/jwks.json")).json()
    clock.advance(120)

    async with harness.broken_store():
        response = await harness.http.get("/jwks.json")

    assert response.status_code == 200
    assert response.json() == before
