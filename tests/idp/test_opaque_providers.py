"""Google and GitHub: a valid token must also belong to our client."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette

from doorward import Guard, Policy, Rule
from doorward.errors import (
    ConfigurationError,
    MalformedToken,
    MissingClaim,
    OutsideLifetime,
    TokenRejected,
    WrongAudience,
)
from doorward.idp import find
from doorward.tokens import (
    CredentialVerifier,
    GitHubTokenCheck,
    GoogleTokenInfo,
    Introspection,
    OpaqueIssuer,
)
from doorward.tokens.opaque.issuer import INTROSPECTED
from doorward.tokens.refusals import InactiveToken, LookupUnavailable, WrongClient
from tests.idp.listening import Application, listening
from tests.idp.opaque_simulators import (
    GITHUB_CLIENT,
    GITHUB_SECRET,
    GOOGLE_CLIENT,
    NOW,
    GitHub,
    Google,
)

RESOURCE = "https://mcp.example/mcp"
POLICY = Policy(base=Rule(scopes="openid"))
YA29, GHO = "ya29.a0AfB_of-alice", "gho_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture(scope="module")
def google_at() -> Iterator[tuple[Google, str]]:
    google = Google()
    with listening(serving(google.app())) as base:
        yield google, base


@pytest.fixture(scope="module")
def github_at() -> Iterator[tuple[GitHub, str]]:
    github = GitHub()
    with listening(serving(github.app())) as base:
        yield github, base


def serving(app: Starlette) -> Any:
    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Application]:
        yield app

    return build


@pytest.fixture
def google(google_at: tuple[Google, str]) -> Google:
    google_at[0].__init__()  # type: ignore[misc]
    return google_at[0]


@pytest.fixture
def github(github_at: tuple[GitHub, str]) -> GitHub:
    github_at[0].__init__()  # type: ignore[misc]
    return github_at[0]


@pytest.fixture
def of_google(google_at: tuple[Google, str]) -> CredentialVerifier:
    (issuer,) = Guard(
        resource=RESOURCE, policy=POLICY, idp="google", client_ids=[GOOGLE_CLIENT]
    ).issuers
    assert isinstance(issuer, OpaqueIssuer)
    assert issuer.lookup == GoogleTokenInfo()
    return verifier(issuer, GoogleTokenInfo(endpoint=f"{google_at[1]}/tokeninfo"))


@pytest.fixture
def of_github(github_at: tuple[GitHub, str]) -> CredentialVerifier:
    (issuer,) = Guard(
        resource=RESOURCE,
        policy=POLICY,
        idp="github",
        client_id=GITHUB_CLIENT,
        client_secret=GITHUB_SECRET,
    ).issuers
    assert isinstance(issuer, OpaqueIssuer)
    return verifier(
        issuer,
        GitHubTokenCheck(client_id=GITHUB_CLIENT, client_secret=GITHUB_SECRET, api=github_at[1]),
    )


def verifier(issuer: OpaqueIssuer, lookup: Any) -> CredentialVerifier:
    """Return a verifier of what the guard made, asking the simulator."""
    from dataclasses import replace

    return CredentialVerifier([replace(issuer, lookup=lookup)], clock=lambda: NOW)


async def test_a_google_token_of_our_client_is_its_users(
    google: Google, of_google: CredentialVerifier
) -> None:
    google.tokens[YA29] = google.says()

    caller = await of_google.verify(YA29.encode())

    assert caller.key == ("https://accounts.google.com", "1234567890")
    assert (caller.client_id, caller.kind) == (GOOGLE_CLIENT, "person")
    assert "openid" in caller.scopes
    assert "https://www.googleapis.com/auth/userinfo.email" in caller.scopes
    assert caller.expires_at == NOW + 3000
    assert caller.claims["email_verified"] is True
    assert google.seen[0][0] == "GET"
    assert YA29 not in google.seen[0][1]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        pytest.param({"azp": "stranger", "aud": "stranger"}, TokenRejected, id="anothers"),
        pytest.param({"azp": "stranger"}, WrongClient, id="another-presenter"),
        pytest.param({"aud": "stranger"}, WrongAudience, id="another-audience"),
        pytest.param({"aud": ...}, WrongAudience, id="no-audience"),
        pytest.param({"azp": ..., "aud": ...}, TokenRejected, id="nobodys"),
        pytest.param({"sub": ...}, MissingClaim, id="no-subject"),
        pytest.param({"exp": "1"}, OutsideLifetime, id="over"),
    ],
)
async def test_a_live_google_token_that_is_not_ours_is_refused(
    google: Google,
    of_google: CredentialVerifier,
    changes: dict[str, Any],
    refusal: type[TokenRejected],
) -> None:
    google.tokens[YA29] = google.says(**changes)

    with pytest.raises(refusal):
        await of_google.verify(YA29.encode())


async def test_what_google_does_not_know_is_refused_and_its_trouble_is_not_the_callers(
    google: Google, of_google: CredentialVerifier
) -> None:
    with pytest.raises(InactiveToken):
        await of_google.verify(YA29.encode())
    google.broken = True
    with pytest.raises(LookupUnavailable):
        await of_google.verify(YA29.encode())


@pytest.mark.parametrize(
    "said", [{"exp": ..., "expires_in": "60"}, {"exp": "x", "expires_in": "60"}]
)
async def test_google_may_count_from_now(
    google: Google, of_google: CredentialVerifier, said: dict[str, Any]
) -> None:
    google.tokens[YA29] = google.says(**said)

    assert (await of_google.verify(YA29.encode())).expires_at == NOW + 60


async def test_google_without_an_end_says_nothing_that_can_be_used(
    google: Google, of_google: CredentialVerifier
) -> None:
    google.tokens[YA29] = google.says(exp=..., expires_in=...)

    with pytest.raises(LookupUnavailable):
        await of_google.verify(YA29.encode())


async def test_a_service_account_of_google_is_a_service(
    google: Google, of_google: CredentialVerifier
) -> None:
    google.tokens[YA29] = google.says(sub=GOOGLE_CLIENT, email="x@y.iam.gserviceaccount.com")

    assert (await of_google.verify(YA29.encode())).kind == "service"


async def test_a_github_token_of_our_app_is_its_users(
    github: GitHub, of_github: CredentialVerifier
) -> None:
    github.tokens[GHO] = (GITHUB_CLIENT, github.says())

    caller = await of_github.verify(GHO.encode())

    assert caller.key == ("https://github.com/login/oauth", "1")
    assert (caller.client_id, caller.kind, caller.name) == (GITHUB_CLIENT, "person", "octocat")
    assert caller.scopes == {"public_repo"}
    assert caller.expires_at == NOW + 3600
    assert GHO.encode() not in caller.claims_json
    assert b"hashed_token" not in caller.claims_json
    assert GHO not in github.seen[0]


async def test_the_end_that_github_names_is_the_end(
    github: GitHub, of_github: CredentialVerifier
) -> None:
    github.tokens[GHO] = (GITHUB_CLIENT, github.says(expires_at="2027-01-15T08:10:00Z"))

    assert (await of_github.verify(GHO.encode())).expires_at == NOW + 600


@pytest.mark.parametrize(
    ("app", "changes", "refusal"),
    [
        pytest.param("another-app", {}, InactiveToken, id="another-apps"),
        pytest.param(GITHUB_CLIENT, {"app": {"client_id": "x"}}, WrongClient, id="says-another"),
        pytest.param(GITHUB_CLIENT, {"app": ...}, WrongClient, id="says-none"),
        pytest.param(GITHUB_CLIENT, {"user": None}, MissingClaim, id="no-user"),
        pytest.param(GITHUB_CLIENT, {"user": {"id": True}}, MissingClaim, id="no-number"),
        pytest.param(
            GITHUB_CLIENT, {"expires_at": "2026-01-15T08:00:00Z"}, OutsideLifetime, id="over"
        ),
        pytest.param(GITHUB_CLIENT, {"expires_at": "soon"}, LookupUnavailable, id="unreadable"),
    ],
)
async def test_a_live_github_token_that_is_not_ours_is_refused(
    github: GitHub,
    of_github: CredentialVerifier,
    app: str,
    changes: dict[str, Any],
    refusal: type[Exception],
) -> None:
    github.tokens[GHO] = (app, github.says(**changes))

    with pytest.raises(refusal):
        await of_github.verify(GHO.encode())


async def test_a_bot_of_github_is_a_service(github: GitHub, of_github: CredentialVerifier) -> None:
    said = github.says(user={"id": 2, "login": "robot[bot]", "type": "Bot"})
    github.tokens["ghu_x"] = (GITHUB_CLIENT, said)

    assert (await of_github.verify(b"ghu_x")).kind == "service"


async def test_a_wrong_secret_of_ours_is_no_fault_of_the_callers(
    github: GitHub, github_at: tuple[GitHub, str]
) -> None:
    lookup = GitHubTokenCheck(client_id=GITHUB_CLIENT, client_secret="old", api=github_at[1])
    issuer = OpaqueIssuer(
        issuer="https://github.com/login/oauth", lookup=lookup, client_ids=(GITHUB_CLIENT,)
    )

    with pytest.raises(LookupUnavailable):
        await CredentialVerifier([issuer]).verify(GHO.encode())


@pytest.mark.parametrize("token", [b"ghp_personal", b"github_pat_x", b"sk-live-x", b"xoxb-1"])
async def test_what_is_no_token_of_an_app_is_shown_to_nobody(
    github: GitHub, of_github: CredentialVerifier, google: Google, of_google: Any, token: bytes
) -> None:
    for one in (of_github, of_google):
        with pytest.raises(MalformedToken):
            await one.verify(token)

    assert (github.seen, google.seen) == ([], [])


async def test_each_token_is_shown_to_its_own_provider_alone(
    github: GitHub, google: Google, github_at: Any, google_at: Any
) -> None:
    both = CredentialVerifier(
        [
            OpaqueIssuer(
                issuer="https://accounts.google.com",
                lookup=GoogleTokenInfo(endpoint=f"{google_at[1]}/tokeninfo"),
                client_ids=(GOOGLE_CLIENT,),
            ),
            OpaqueIssuer(
                issuer="https://github.com/login/oauth",
                lookup=GitHubTokenCheck(
                    client_id=GITHUB_CLIENT, client_secret=GITHUB_SECRET, api=github_at[1]
                ),
                client_ids=(GITHUB_CLIENT,),
            ),
        ],
        clock=lambda: NOW,
    )
    google.tokens[YA29] = google.says()
    github.tokens[GHO] = (GITHUB_CLIENT, github.says())

    issuers = [(await both.verify(token.encode())).issuer for token in (YA29, GHO)]

    assert issuers == ["https://accounts.google.com", "https://github.com/login/oauth"]
    assert (len(google.seen), len(github.seen)) == (1, 1)


# What the guard must be told.


def guard(**told: Any) -> OpaqueIssuer:
    (one,) = Guard(**{"resource": RESOURCE, "policy": POLICY, **told}).issuers
    assert isinstance(one, OpaqueIssuer)
    return one


SECRETS: dict[str, Any] = {"client_id": "mcp", "client_secret": "s3cret"}
WAY = Introspection(**SECRETS)


def test_any_issuer_may_be_asked() -> None:
    one = guard(issuer="https://login.example", introspection=WAY)

    assert (one.issuer, one.audience, one.client_ids) == ("https://login.example", RESOURCE, ())
    assert (one.lookup, one.profile) == (WAY, INTROSPECTED)


def test_a_client_with_its_secret_is_enough_to_ask() -> None:
    assert guard(issuer="https://login.example", **SECRETS).lookup == WAY


def test_where_clients_are_named_the_audience_is_theirs_to_choose() -> None:
    one = guard(issuer="https://login.example", introspection=WAY, client_ids=["a", "b"])

    assert (one.audience, one.client_ids) == ((), ("a", "b"))


def test_a_provider_answers_in_its_own_words() -> None:
    okta = guard(idp="okta-org", issuer="https://o.okta.com", client_ids=["a"], introspection=WAY)
    keycloak = guard(idp="keycloak", issuer="https://k.example/realms/x", introspection=WAY)
    zitadel = guard(idp="zitadel", issuer="https://z.example", audience="p", introspection=WAY)

    assert okta.profile.subject_claims == ("uid", "sub")
    assert keycloak.profile == find("keycloak").introspected
    assert keycloak.audience == RESOURCE
    assert zitadel.profile.name == "zitadel"
    assert zitadel.profile.required_claims == frozenset()


def test_an_endpoint_that_the_operator_names_is_there() -> None:
    way = Introspection(**SECRETS, endpoint="https://proxy.example/ask")

    assert guard(idp="auth0", issuer="https://t.eu.auth0.com/", introspection=way).lookup == way


@pytest.mark.parametrize(
    ("told", "reason", "says"),
    [
        ({"idp": "google"}, "opaque-tokens", "client_ids"),
        ({"idp": "github"}, "opaque-tokens", "client_secret"),
        ({"idp": "github", "client_id": "x"}, "opaque-tokens", "client_secret"),
        ({"idp": "okta-org", "issuer": "https://o.okta.com"}, "opaque-tokens", "introspection"),
        (
            {"idp": "okta-org", "issuer": "https://o.okta.com", "introspection": WAY},
            "undecided-audience",
            "client_ids",
        ),
        ({"idp": "okta-org", "introspection": WAY}, "no-issuers", "issuer"),
        ({"issuer": "https://l.example", "client_id": "x"}, "no-lookup-credentials", "secret"),
        ({"issuer": "https://l.example", "client_ids": ["x"]}, "unused-setting", "introspection"),
        (
            {"issuer": "https://l.example", "introspection": WAY, "algorithms": ("RS256",)},
            "unused-setting",
            "algorithms",
        ),
        ({"client_ids": ["x"]}, "no-issuers", "issuer"),
        (
            {"idp": "auth0", "issuer": "https://t.eu.auth0.com/", "introspection": WAY},
            "no-introspection",
            "endpoint",
        ),
        (
            {"idp": "cognito", "issuer": "https://c.example/p", "audience": "a", **SECRETS},
            "no-introspection",
            "endpoint",
        ),
    ],
)
def test_half_a_setting_is_refused_with_what_is_missing(
    told: dict[str, Any], reason: str, says: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        guard(**told)

    assert refusal.value.reason == reason
    assert says in refusal.value.hint
