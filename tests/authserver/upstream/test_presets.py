"""Every kind of provider signs people in with what its preset says."""

import re
from collections.abc import Hashable
from typing import Any

import pytest

from doorward import idp
from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.upstream.extensions import EXTENSIONS
from doorward.idp.sign_in import ProviderSignIn
from doorward.net import FetchRequest, FetchResponse
from tests.authserver.browser import answer_in
from tests.authserver.harness import claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenIdProvider,
    answered,
)
from tests.ledger import proves
from tests.one_of_each import one_of_each

OPENID = [one for one in idp.PROVIDERS if not (one.sign_in and one.sign_in.endpoints)]


def provider_of(kind: str, **changes: Any) -> IdentityProvider:
    """Return the settings of a provider, with example values in the braces of its issuer."""
    issuer = re.sub(r"\{[^}]*\}", "example", idp.find(kind).issuer.partition(",")[0])
    settings: dict[str, Any] = {
        "kind": kind,
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "allow": Allow(everyone=True),
        "internal_url": issuer if kind == "oci" else None,
    }
    return IdentityProvider(**{**settings, **changes})


async def bridge_to(
    start: StartBridge, kind: str, *, fetcher: Any = None, **changes: Any
) -> Bridge:
    provider = provider_of(kind, **changes)
    bridge: Bridge = await start(provider, fetcher=fetcher)
    bridge.provider.issuer = provider.issuer_url
    return bridge


def what_is_requested(kind: str) -> tuple[Hashable, ...]:
    """Return what distinguishes the requests to this provider from those to another."""
    one = idp.find(kind).sign_in or ProviderSignIn()
    parameters = (one.authorization_parameters, one.token_parameters, one.refresh_parameters)
    added = tuple(tuple(sorted(each)) for each in parameters)
    return one.offline_scope, one.pkce, one.shared_issuer, one.refresh_with_scope, added


@pytest.mark.parametrize("kind", one_of_each([one.name for one in OPENID], what_is_requested))
async def test_each_openid_kind_signs_in_and_refreshes(
    start_bridge: StartBridge, kind: str, clock: Any
) -> None:
    bridge = await bridge_to(start_bridge, kind)
    bridge.provider.user["user_id"] = "0a1b2c"
    # A provider that refuses what it does not know, as Google and Cognito do.
    bridge.provider.metadata["scopes_supported"] = ["openid", "profile", "email"]
    harness = bridge.harness
    client = (await harness.register())["client_id"]

    back = await bridge.sign_in(harness.browser(), client)
    code = answer_in(back.headers["location"])["code"]
    tokens = await harness.token(harness.code_fields(client, code))
    clock.advance(3600)
    again = await harness.refresh(client, tokens.refresh)

    assert claims_of(again.access)["name"] == "Jane Doe"
    asked = bridge.provider.authorizations[0]
    b2c = f"openid offline_access {CLIENT_ID}"
    assert asked["scope"] == (b2c if kind == "azure-b2c" else "openid profile email")
    # The resource is ours: Entra refuses it, and others would put it into their own tokens.
    sent = [asked, *(form for _, form in bridge.provider.requests)]
    assert all("resource" not in form and "audience" not in form for form in sent)


@proves("S205", "accepts", "scopes on every leg")
async def test_entra_gets_its_scopes_again_at_a_refresh(
    start_bridge: StartBridge, clock: Any
) -> None:
    bridge = await bridge_to(start_bridge, "entra")
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(harness.browser(), client)
    code = answer_in(back.headers["location"])["code"]
    tokens = await harness.token(harness.code_fields(client, code))
    clock.advance(3600)

    await harness.refresh(client, tokens.refresh)

    form = next(
        form for _, form in bridge.provider.requests if form.get("grant_type") == "refresh_token"
    )
    assert form["scope"] == "openid profile email offline_access"


@proves("S205", "refuses", "scopes on every leg")
async def test_google_gets_no_scope_that_it_refuses_and_the_parameter_that_it_needs(
    start_bridge: StartBridge,
) -> None:
    bridge = await bridge_to(start_bridge, "google")
    harness = bridge.harness
    client = (await harness.register())["client_id"]

    await bridge.sign_in(harness.browser(), client)

    asked = bridge.provider.authorizations[0]
    assert asked["scope"] == "openid profile email"
    assert asked["access_type"] == "offline"


@pytest.mark.parametrize(
    ("kind", "rule", "claims", "admitted"),
    [
        ("entra", Allow(organizations={"t-1"}), {"tid": "t-1"}, True),
        ("entra", Allow(organizations={"t-1"}), {"tid": "t-2"}, False),
        ("entra", Allow(domains={"a.example"}), {"email": "x@a.example"}, False),
        (
            "entra",
            Allow(domains={"a.example"}),
            {"email": "x@a.example", "email_verified": True},
            False,
        ),
        ("cognito", Allow(groups={"staff"}), {"cognito:groups": ["staff"]}, True),
        (
            "cognito",
            Allow(emails={"x@a.example"}),
            {"email": "x@a.example", "email_verified": "true"},
            True,
        ),
        (
            "cognito",
            Allow(emails={"x@a.example"}),
            {"email": "x@a.example", "email_verified": "false"},
            False,
        ),
        ("okta", Allow(groups={"staff"}), {"groups": ["staff"]}, True),
        ("auth0", Allow(organizations={"org_1"}), {"org_id": "org_1"}, True),
        ("logto", Allow(organizations={"o1"}), {"organizations": ["o0", "o1"]}, True),
        ("logto", Allow(organizations={"o1"}), {"organizations": "o0 o1"}, False),
    ],
)
async def test_admission_reads_the_claims_of_that_provider(
    start_bridge: StartBridge, kind: str, rule: Allow, claims: dict[str, Any], admitted: bool
) -> None:
    bridge = await bridge_to(start_bridge, kind, allow=rule)
    bridge.provider.user |= claims
    harness = bridge.harness
    client = (await harness.register())["client_id"]

    back = await bridge.sign_in(harness.browser(), client)

    assert back.status_code == (303 if admitted else 403)


class GitHub(OpenIdProvider):
    """GitHub as its documentation has it: no ID token, errors with status 200."""

    emails: tuple[dict[str, Any], ...] = (
        {"email": "jane@example.com", "primary": True, "verified": True},
    )
    teams: tuple[dict[str, Any], ...] = ({"slug": "mcp", "organization": {"login": "acme"}},)

    def authorize(self, url: str) -> dict[str, str]:
        assert url.startswith("https://github.com/login/oauth/authorize?")
        return super().authorize(url.replace("https://github.com/login/oauth", self.base, 1))

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        if url == "https://github.com/login/oauth/access_token":
            body = request.body.decode()
            assert f"client_secret={CLIENT_SECRET}" in body
            assert "code_verifier=" in body
            token = {"access_token": "gho_1", "token_type": "bearer", "scope": "read:user,read:org"}
            return answered(token if "code=code-" in body else {"error": "bad_verification_code"})
        assert request.authorization == "Bearer gho_1"
        documents: dict[str, Any] = {
            "https://api.github.com/user": {"id": 583231, "login": "jane", "name": "Jane Doe"},
            "https://api.github.com/user/emails": list(self.emails),
            "https://api.github.com/user/orgs?per_page=100": [{"login": "acme"}],
            "https://api.github.com/user/teams?per_page=100": list(self.teams),
        }
        return answered(documents[url])


@pytest.mark.parametrize(
    ("rule", "admitted"),
    [
        (Allow(emails={"jane@example.com"}), True),
        (Allow(domains={"example.com"}), True),
        (Allow(organizations={"acme"}), True),
        (Allow(groups={"acme/mcp"}), True),
        (Allow(subjects={"583231"}), True),
        (Allow(organizations={"other"}), False),
        (Allow(groups={"mcp"}), False),
        (Allow(subjects={"jane"}), False),
    ],
)
async def test_github_signs_in_by_id_with_its_verified_address_and_its_teams(
    start_bridge: StartBridge, clock: Any, rule: Allow, admitted: bool
) -> None:
    github = IdentityProvider(
        kind="github", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, allow=rule
    )
    bridge = await start_bridge(github, provider=GitHub(clock))
    harness = bridge.harness
    client = (await harness.register())["client_id"]

    back = await bridge.sign_in(harness.browser(), client)

    assert back.status_code == (303 if admitted else 403)
    # Organizations and teams are asked for only if they decide about something.
    asked = bridge.provider.authorizations[0]["scope"].split()
    assert ("read:org" in asked) is bool(rule.organizations or rule.groups)


@proves("S204", "refuses", "admission by claims")
async def test_an_address_that_github_has_not_verified_admits_nobody(
    start_bridge: StartBridge, clock: Any
) -> None:
    github = GitHub(clock)
    github.emails = ({"email": "boss@example.com", "primary": True, "verified": False},)
    provider = IdentityProvider(
        kind="github",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        allow=Allow(domains={"example.com"}),
    )
    bridge = await start_bridge(provider, provider=github)
    client = (await bridge.harness.register())["client_id"]

    back = await bridge.sign_in(bridge.harness.browser(), client)

    assert back.status_code == 403


def test_every_extension_of_a_preset_exists_and_is_used() -> None:
    used = {name for one in idp.PRESETS if one.sign_in for name in one.sign_in.extensions}

    assert used == set(EXTENSIONS)
