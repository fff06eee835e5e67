"""Probing providers that answer with their recorded documents and known quirks."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from doorward.idp.probe.discovery import look
from doorward.idp.probe.measured import Measured
from doorward.idp.probe.probe import probe
from doorward.net import Fetcher
from doorward.net.http.url import read_target
from tests.idp.listening import Application, listening
from tests.idp.simulator import OAUTH, OPENID, Seen, Simulated, path_of, simulate

AUTH0 = "auth0_openid-configuration_2026-04.json"
KEYCLOAK = "keycloak_26.2_openid-configuration.json"
OKTA = "okta_custom_default_2023.json"
OKTA_ORG = "okta_org_oauth-authorization-server.json"
ENTRA = "entra_v2_2023.json"
GOOGLE = "google_2023.json"
GITHUB = "github_oauth.json"
COGNITO = "cognito_openid-configuration.json"
AUTHKIT = "workos_authkit_oauth-authorization-server.json"
AUTHKIT_OPENID = "workos_authkit_openid-configuration.json"
LOGTO = "logto.json"
HYDRA = "ory_hydra.json"
AIC = "ping_aic_am_openid-configuration.json"
DESCOPE = "descope_agentic_openid-configuration_partial.json"
STYTCH = "stytch_oauth-authorization-server_partial.json"
INVALID = (400, {"error": "invalid_redirect_uri"})
UNAUTHENTICATED = (401, {"error": "invalid_client"})


def realm(file: str, member: str = "issuer") -> str:
    return path_of(file, member)


def lookups(file: str, *members: str) -> dict[str, tuple[int, Mapping[str, object]]]:
    return {path_of(file, member): UNAUTHENTICATED for member in members}


BOTH = ("introspection_endpoint", "revocation_endpoint")
KC, OK, E2 = realm(KEYCLOAK), realm(OKTA), realm(ENTRA)
SIMULATED: dict[str, tuple[Simulated, Mapping[str, str]]] = {
    "auth0": (
        Simulated(
            name="auth0", issuer="/", documents={OAUTH: AUTH0, OPENID: AUTH0},
            posts={
                path_of(AUTH0, "registration_endpoint"): (404, {}),
                **lookups(AUTH0, "revocation_endpoint"),
            },
        ),
        {"pkce": "yes", "rfc8414": "yes", "rfc7591": "no", "cimd": "no", "rfc9207": "no", "dpop": "yes",
         "introspection": "no", "revocation": "yes"},
    ),
    "keycloak": (
        Simulated(
            name="keycloak", issuer=KC,
            documents={OAUTH + KC: KEYCLOAK, KC + OPENID: KEYCLOAK, KC + OAUTH: KEYCLOAK},
            posts={
                path_of(KEYCLOAK, "registration_endpoint"): (400, {"error": "invalid_client_metadata"}),
                **lookups(KEYCLOAK, *BOTH),
            },
            # Its policies are asked after what was sent was read.
            second={path_of(KEYCLOAK, "registration_endpoint"): (403, {"error": "insufficient_scope"})},
        ),
        {"pkce": "yes", "rfc8414": "yes", "oidc": "yes", "rfc7591": "partly", "rfc9207": "yes", "introspection": "yes"},
    ),
    "okta": (
        Simulated(
            name="okta", issuer=OK, documents={OAUTH + OK: OKTA, OK + OPENID: OKTA, OK + OAUTH: OKTA},
            posts={path_of(OKTA, "registration_endpoint"): (403, {}), **lookups(OKTA, *BOTH)},
        ),
        {"pkce": "yes", "rfc8414": "yes", "rfc7591": "partly", "rfc9207": "no", "revocation": "yes"},
    ),
    "okta-org": (
        Simulated(
            name="okta-org", documents={OAUTH: OKTA_ORG},
            posts={path_of(OKTA_ORG, "registration_endpoint"): (401, {}), **lookups(OKTA_ORG, *BOTH)},
        ),
        {"rfc8414": "yes", "oidc": "no", "rfc7591": "partly", "dpop": "yes"},
    ),
    "entra": (
        Simulated(name="entra", documents={E2 + OPENID: ENTRA}),
        {"pkce": "no", "rfc8414": "no", "oidc": "yes", "rfc7591": "no", "introspection": "no", "revocation": "no"},
    ),
    "google": (
        Simulated(name="google", documents={OPENID: GOOGLE}, posts=lookups(GOOGLE, "revocation_endpoint")),
        {"pkce": "yes", "rfc8414": "no", "oidc": "yes", "rfc7591": "no", "introspection": "no", "revocation": "yes"},
    ),
    "cognito": (
        Simulated(name="cognito", documents={realm(COGNITO) + OPENID: COGNITO}),
        {"pkce": "no", "rfc8414": "no", "oidc": "yes", "rfc7591": "no"},
    ),
    "github": (
        Simulated(name="github", documents={OAUTH + realm(GITHUB): GITHUB}),
        {"pkce": "yes", "rfc8414": "yes", "oidc": "no", "rfc7591": "no", "rfc9207": "no"},
    ),
    "workos": (
        Simulated(
            name="workos", documents={OAUTH: AUTHKIT, OPENID: AUTHKIT_OPENID},
            posts={
                path_of(AUTHKIT, "registration_endpoint"): INVALID,
                **lookups(AUTHKIT, "introspection_endpoint"),
            },
        ),
        {"pkce": "yes", "rfc7591": "yes", "cimd": "yes", "introspection": "yes", "revocation": "no"},
    ),
    "logto": (
        Simulated(name="logto", documents={"/oidc" + OPENID: LOGTO, "/oidc" + OAUTH: LOGTO}, posts=lookups(LOGTO, *BOTH)),
        {"pkce": "yes", "rfc8414": "partly", "oidc": "yes", "rfc7591": "no", "rfc9207": "yes"},
    ),
    "hydra": (
        Simulated(
            name="hydra", documents={OAUTH: HYDRA, OPENID: HYDRA},
            posts={path_of(HYDRA, "registration_endpoint"): (404, {}), **lookups(HYDRA, "revocation_endpoint")},
        ),
        {"pkce": "yes", "rfc8414": "yes", "rfc7591": "no", "cimd": "no", "rfc9207": "no", "introspection": "no"},
    ),
    "ping-aic": (
        Simulated(
            name="ping-aic", documents={realm(AIC) + OPENID: AIC},
            posts={path_of(AIC, "registration_endpoint"): (401, {"error": "invalid_token"}), **lookups(AIC, *BOTH)},
        ),
        {"pkce": "yes", "rfc8414": "no", "oidc": "yes", "rfc7591": "partly", "rfc9207": "no"},
    ),
    "descope": (
        Simulated(name="descope", documents={realm(DESCOPE) + OPENID: DESCOPE}),
        {"pkce": "no", "oidc": "yes"},
    ),
    "stytch": (
        Simulated(
            name="stytch", documents={OAUTH: STYTCH}, changes={"issuer": "BASE"},
            posts={path_of(STYTCH, "registration_endpoint"): INVALID},
        ),
        {"pkce": "no", "rfc8414": "yes", "rfc7591": "yes"},
    ),
}  # fmt: skip
ISSUERS = {
    "auth0": "/", "keycloak": KC, "okta": OK, "entra": E2, "cognito": realm(COGNITO), "github": realm(GITHUB),
    "logto": "/oidc", "ping-aic": realm(AIC), "descope": realm(DESCOPE),
}  # fmt: skip


Build = Callable[[str], AbstractAsyncContextManager[Application]]


def application(provider: Simulated, seen: Seen) -> Build:
    @asynccontextmanager
    async def build(base: str) -> AsyncIterator[Application]:
        told = {
            name: value.replace("BASE", base) if isinstance(value, str) else value
            for name, value in provider.changes.items()
        }
        yield simulate(replace(provider, changes=told), base, seen)

    return build


async def measure(
    provider: Simulated, issuer: str, *, registration: bool = True
) -> tuple[Measured, Seen]:
    seen = Seen()
    with listening(application(provider, seen)) as base:
        fetcher = Fetcher(allow_private_hosts=frozenset({read_target(base).host_port}))
        tried = await look(fetcher, base + issuer)
        return await probe(fetcher, base + issuer, tried, registration=registration), seen


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_provider_is_measured_as_its_documents_and_answers_are(name: str) -> None:
    provider, expected = SIMULATED[name]
    measured, _ = await measure(provider, ISSUERS.get(name, ""))

    assert {key: str(measured.row[key].answer) for key in expected} == expected
    assert measured.left_behind == ()


@pytest.mark.parametrize("name", SIMULATED)
async def test_nobody_can_accept_the_registration_that_is_sent(name: str) -> None:
    provider, _ = SIMULATED[name]
    _, seen = await measure(provider, ISSUERS.get(name, ""))

    for method, path, body in seen.requests:
        if method == "POST" and b"redirect_uris" in body:
            assert b"#fragment" in body, path
    sent = [body for method, _, body in seen.requests if b"redirect_uris" in body]
    # The first is wrong in every way there is; a second is sent to those who look no further.
    assert all(b"no-such-method" in body for body in sent[:1])
    assert len(sent) <= 2
    assert seen.authorizations == []


async def test_without_registration_nothing_is_sent_to_the_registration_endpoint() -> None:
    provider, _ = SIMULATED["keycloak"]
    measured, seen = await measure(provider, KC, registration=False)

    assert measured.row["rfc7591"].answer == "unknown"
    assert not any(b"redirect_uris" in body for _, _, body in seen.requests)


async def test_documents_of_one_issuer_that_differ_are_told_apart() -> None:
    provider, _ = SIMULATED["workos"]
    measured, _ = await measure(provider, "")

    missing = "registration_endpoint only in 'OAuth'"
    assert any(missing in sentence for sentence in measured.differences)
    assert any("code_challenge_methods_supported" in one for one in measured.differences)


async def test_documents_that_say_the_same_in_another_order_do_not_differ() -> None:
    provider, _ = SIMULATED["keycloak"]
    measured, _ = await measure(provider, KC)

    assert measured.differences == ()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("entra", "does not offer PKCE"),
        ("cognito", "does not offer PKCE"),
        ("auth0", "registration endpoint does not accept unknown clients"),
        ("google", "cannot get a client id on their own"),
        ("okta", "do not name their issuer"),
    ],
)
async def test_what_keeps_clients_out_is_said_with_what_to_change(name: str, problem: str) -> None:
    provider, _ = SIMULATED[name]
    measured, _ = await measure(provider, ISSUERS.get(name, ""))

    told = [advice for advice in measured.advice if problem in advice.problem]
    assert len(told) == 1
    assert told[0].change


async def test_a_client_document_offer_without_none_is_half_an_offer() -> None:
    provider, _ = SIMULATED["auth0"]
    changed = replace(provider, changes={"client_id_metadata_document_supported": True})
    measured, _ = await measure(changed, "/")

    assert measured.row["cimd"].answer == "partly"
    assert any("Add none" in advice.change for advice in measured.advice)


ENDPOINT = path_of(HYDRA, "registration_endpoint")
CREATED = {
    "client_id": "made",
    "registration_access_token": "rat-1",
    "registration_client_uri": f"BASE{ENDPOINT}/made",
}


async def test_a_registration_that_is_accepted_all_the_same_is_deleted() -> None:
    provider = replace(
        SIMULATED["hydra"][0],
        posts={ENDPOINT: (201, CREATED)},
        deletes=frozenset({f"{ENDPOINT}/made"}),
    )
    measured, seen = await measure(provider, "")

    assert measured.left_behind == ()
    assert "deleted again" in measured.row["rfc7591"].evidence
    assert seen.authorizations == ["Bearer rat-1"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"registration_access_token": None}, id="no-token"),
        pytest.param({"registration_access_token": "a\r\nb"}, id="a-token-that-is-two-headers"),
        pytest.param({"registration_access_token": "tokén"}, id="a-token-that-no-header-carries"),
        pytest.param({"registration_client_uri": "https://elsewhere.example/c"}, id="elsewhere"),
        pytest.param({"registration_client_uri": "BASE/nowhere"}, id="not-deletable"),
        pytest.param({"registration_client_uri": "https://[made"}, id="no-address"),
        pytest.param({"registration_client_uri": "/made"}, id="no-absolute-address"),
    ],
)
async def test_what_cannot_be_deleted_is_named(changed: Mapping[str, object]) -> None:
    provider = replace(SIMULATED["hydra"][0], posts={ENDPOINT: (201, {**CREATED, **changed})})
    measured, _ = await measure(provider, "")

    assert measured.left_behind == ("client made",)


async def test_the_token_of_a_registration_goes_nowhere_but_where_it_was_made() -> None:
    hydra, theirs, ours = SIMULATED["hydra"][0], Seen(), Seen()
    other_host = replace(hydra, deletes=frozenset({"/made"}))
    with listening(application(other_host, theirs)) as other:
        created = {**CREATED, "registration_client_uri": f"{other}/made"}
        lying = replace(hydra, posts={ENDPOINT: (201, created)})
        with listening(application(lying, ours)) as base:
            allowed = frozenset({read_target(base).host_port, read_target(other).host_port})
            fetcher = Fetcher(allow_private_hosts=allowed)
            measured = await probe(fetcher, base, await look(fetcher, base))

    assert measured.left_behind == ("client made",)
    assert theirs.requests == []
    assert ours.authorizations == []


@pytest.mark.parametrize(
    ("status", "error", "answer"),
    [
        (400, "invalid_client_metadata", "yes"),
        (400, "access_denied", "partly"),
        (401, "", "partly"),
        (403, "insufficient_scope", "partly"),
        (404, "", "no"),
        (405, "", "no"),
        (400, "", "unknown"),
        (400, "invalid_request", "unknown"),
        (429, "", "unknown"),
        (500, "server_error", "unknown"),
        (302, "", "unknown"),
    ],
)
def test_only_a_judgement_of_the_metadata_counts_as_working(
    status: int, error: str, answer: str
) -> None:
    from doorward.idp.probe.attempts import judge_registration

    assert judge_registration(status, error).answer == answer
