"""The simulators refuse what the real providers refuse, and accept its honest neighbour."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from doorward.net import FetchRequest, FetchResponse
from tests.authserver.harness import VERIFIER, challenge_of
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.idp.listening import listening
from tests.simulators.providers import SIMULATED, simulators_of
from tests.simulators.simulator import FORM, ErrorPage, Simulator
from tests.simulators.web import FetcherOfTheInternet, SimulatedInternet, reached_at

CALLBACK = "https://as.example/callback/x"


def simulator(name: str) -> Simulator:
    return Simulator(time.time, facts=SIMULATED[name])


def asked(one: Simulator, **changes: str | None) -> str:
    """Return an honest authorization URL of a client that reads no presets."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "scope": " ".join(
            sorted(one.facts.scopes & {"openid", "read:user", "identify", "account"})
        ),
        "state": "a-state-that-is-long-enough",
        "nonce": "n",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    kept = {name: value for name, value in {**parameters, **changes}.items() if value is not None}
    return f"{one.facts.metadata['authorization_endpoint']}?{urlencode(kept)}"


async def posted(one: Simulator, /, **form: str | None) -> FetchResponse:
    """Post a form to the token endpoint, with the client's credentials."""
    credentials = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    if "client_secret_post" not in one.facts.client_auth:
        credentials = {}
    kept = {name: value for name, value in {**credentials, **form}.items() if value is not None}
    request = FetchRequest(
        method="POST",
        body=urlencode(kept).encode(),
        content_type=FORM,
        authorization=None if credentials else BASIC,
    )
    return await one.send(str(one.facts.metadata["token_endpoint"]), request)


BASIC = "Basic ZG9vcndhcmQtYXQtdGhlLXByb3ZpZGVyOmEtc2VjcmV0LXRoYXQtb25seS10d28tcGFydGllcy1rbm93"


def redeems(issued: str, /, **changes: str | None) -> dict[str, str | None]:
    fields: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": issued,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return {**fields, **changes}


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("google", {"scope": "openid offline_access"}),
        ("google", {"resource": "https://mcp.example/mcp"}),
        ("google", {"redirect_uri": "https://as.example/other"}),
        ("google", {"client_id": "somebody-else"}),
    ],
)
def test_it_ends_on_a_page_of_the_provider(name: str, refused: dict[str, str]) -> None:
    one = simulator(name)
    one.redirect_uris = frozenset({CALLBACK})

    assert "code" in one.authorize(asked(one))
    with pytest.raises(ErrorPage):
        one.authorize(asked(one, **refused))


@pytest.mark.parametrize(
    ("name", "refused", "error"),
    [
        ("entra", {"resource": "https://mcp.example/mcp"}, "invalid_target"),
        ("entra", {"scope": "openid mcp:read"}, "invalid_client"),
        ("cognito", {"scope": "openid offline_access"}, "invalid_scope"),
        ("gitlab", {"scope": "openid offline_access"}, "invalid_scope"),
        ("okta", {"state": None}, "invalid_request"),
        ("okta", {"scope": "openid mcp:read"}, "invalid_scope"),
        ("keycloak", {"scope": "openid mcp:read"}, "invalid_scope"),
        ("auth0", {"audience": "https://mcp.example/mcp"}, "access_denied"),
        ("supabase", {"code_challenge": None}, "invalid_request"),
        ("slack", {"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_it_answers_with_an_error_at_the_callback(
    name: str, refused: dict[str, str | None], error: str
) -> None:
    one = simulator(name)

    assert "code" in one.authorize(asked(one))
    answer = one.authorize(asked(one, **refused))
    assert answer["error"] == error
    assert "code" not in answer


@pytest.mark.parametrize(
    ("name", "changes", "status", "error"),
    [
        ("google", {"resource": "https://mcp.example/mcp"}, 400, "invalid_request"),
        ("google", {"client_secret": "wrong"}, 401, "invalid_client"),
        ("entra", {"resource": "https://mcp.example/mcp"}, 400, "invalid_target"),
        ("cognito", {"client_secret": "wrong"}, 400, "invalid_client"),
        ("auth0", {"client_secret": "wrong"}, 401, "access_denied"),
        ("auth0", {"code": "spent"}, 403, "invalid_grant"),
        ("github", {"client_secret": "wrong"}, 200, "incorrect_client_credentials"),
        ("github", {"code": "spent"}, 200, "bad_verification_code"),
        ("keycloak", {"code_verifier": "another"}, 400, "invalid_grant"),
        ("keycloak", {"redirect_uri": "https://as.example/other"}, 400, "invalid_grant"),
        ("slack", {"code": "spent"}, 200, "invalid_code"),
    ],
)
async def test_it_refuses_a_code(
    name: str, changes: dict[str, str], status: int, error: str
) -> None:
    one = simulator(name)

    honest = await posted(one, **redeems(one.authorize(asked(one))["code"]))
    answer = await posted(one, **redeems(one.authorize(asked(one))["code"], **changes))

    assert honest.status == 200
    assert b"access_token" in honest.body
    assert answer.status == status
    assert f'"error": "{error}"'.encode() in answer.body


async def test_linkedin_refuses_the_verifier_of_a_client_with_a_secret() -> None:
    one = simulator("linkedin")
    code = one.authorize(asked(one))["code"]

    refused = await posted(one, **redeems(code))
    honest = await posted(one, **redeems(code, code_verifier=None))

    assert (refused.status, honest.status) == (400, 200)


async def test_entra_refuses_a_refresh_without_scopes() -> None:
    one = simulator("entra")
    code = one.authorize(asked(one, scope="openid offline_access"))["code"]
    await posted(one, **redeems(code))
    token = next(iter(one._refresh))

    bare = await posted(one, grant_type="refresh_token", refresh_token=token)
    full = await posted(
        one, grant_type="refresh_token", refresh_token=token, scope="openid offline_access"
    )

    assert (bare.status, full.status) == (400, 200)


@pytest.mark.parametrize("name", ["clerk", "gitlab", "workos", "hydra", "discord"])
async def test_a_refresh_token_that_rotates_is_good_once(name: str) -> None:
    one = simulator(name)
    scope = "identify email" if name == "discord" else "openid"
    needs = one.facts.refresh_needs
    code = one.authorize(asked(one, scope=f"{scope} {needs}" if needs else scope))["code"]
    await posted(one, **redeems(code))
    token = next(iter(one._refresh))

    answers = [await posted(one, grant_type="refresh_token", refresh_token=token) for _ in range(2)]

    assert [one.status for one in answers] == [200, 400]


async def test_google_issues_a_refresh_token_at_the_first_consent_or_when_it_is_repeated() -> None:
    one = simulator("google")
    issued = []
    for more in ({}, {"access_type": "offline"}, {"access_type": "offline", "prompt": "consent"}):
        fresh = simulator("google")
        for _ in range(2):
            code = fresh.authorize(asked(one, **more))["code"]
            issued.append(b"refresh_token" in (await posted(fresh, **redeems(code))).body)

    assert issued == [False, False, True, False, True, True]


async def test_the_simulators_can_be_reached_as_the_internet_on_one_port() -> None:
    google, github = simulator("google"), simulator("github")

    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Any]:
        yield SimulatedInternet([google, github]).app

    with listening(build) as base:
        fetcher = FetcherOfTheInternet(base)
        document = await fetcher.fetch(
            "https://accounts.google.com/.well-known/openid-configuration"
        )
        user = await fetcher.send("https://api.github.com/user", FetchRequest())
        nowhere = await fetcher.send("https://other.example/user", FetchRequest())

    assert b'"issuer": "https://accounts.google.com"' in document.body
    assert (user.status, nowhere.status) == (401, 404)
    assert (
        reached_at("http://localhost:1", "https://a.example/b?c")
        == "http://localhost:1/a.example/b?c"
    )


def test_a_provider_can_be_an_installation_elsewhere() -> None:
    moved = SIMULATED["google"].at("http://localhost:9")

    assert moved.issuer == "http://localhost:9"
    assert moved.metadata["token_endpoint"] == "http://localhost:9/token"
    assert moved.origins == {"http://localhost:9"}


def test_a_preset_without_a_simulator_is_told_what_to_add() -> None:
    with pytest.raises(LookupError, match=r"Add SimulatedProvider\(kind='nobody', …\)"):
        simulators_of("nobody")
