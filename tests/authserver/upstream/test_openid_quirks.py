"""Where OpenID providers differ from each other: issuer, scopes, claims, and what a refresh answers."""

from typing import Any

import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.errors import ConfigurationError
from doorward.net import FetchRequest, FetchResponse
from tests.authserver.browser import answer_in
from tests.authserver.harness import claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.openid_provider import CLIENT_ID, OpenIdProvider, answered
from tests.authserver.upstream.test_presets import bridge_to, provider_of
from tests.ledger import proves

HOUR = 3600


async def signed_in(bridge: Bridge) -> tuple[str, Any]:
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(harness.browser(), client)
    assert back.status_code == 303, back.text
    code = answer_in(back.headers["location"])["code"]
    return client, await harness.token(harness.code_fields(client, code))


async def status_of(bridge: Bridge) -> int:
    client = (await bridge.harness.register())["client_id"]
    back = await bridge.sign_in(bridge.harness.browser(), client)
    return int(back.status_code)


DOMAIN = "https://idcs-1.identity.oraclecloud.com"


class OracleDomain(OpenIdProvider):
    """An identity domain: it is at an address of its own, and has the issuer of all domains."""

    @property
    def base(self) -> str:
        return DOMAIN


async def test_a_domain_that_shares_its_issuer_is_found_at_its_own_address(
    start_bridge: StartBridge, clock: Any
) -> None:
    provider = provider_of("oci", internal_url=DOMAIN, allow=Allow(subjects={"0a1b"}))
    domain = OracleDomain(clock, issuer="https://identity.oraclecloud.com/")
    domain.user = {"sub": "alice@example.com", "user_id": "0a1b", "user_displayname": "Alice"}
    bridge = await start_bridge(provider, provider=domain)

    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert claims_of(again.access)["name"] == "Alice"


async def test_the_login_name_of_a_shared_issuer_is_no_account(
    start_bridge: StartBridge, clock: Any
) -> None:
    # Each domain can have an "alice@example.com", and all of them have the same issuer.
    provider = provider_of("oci", internal_url=DOMAIN, allow=Allow(subjects={"alice@example.com"}))
    domain = OracleDomain(clock, issuer="https://identity.oraclecloud.com/")
    domain.user = {"sub": "alice@example.com", "user_id": "0a1b"}
    bridge = await start_bridge(provider, provider=domain)

    assert await status_of(bridge) == 403


async def test_an_account_that_changes_behind_the_same_login_name_is_refused(
    start_bridge: StartBridge, clock: Any
) -> None:
    domain = OracleDomain(clock, issuer="https://identity.oraclecloud.com/")
    domain.user = {"sub": "alice@example.com", "user_id": "0a1b"}
    bridge = await start_bridge(provider_of("oci", internal_url=DOMAIN), provider=domain)
    client, tokens = await signed_in(bridge)
    domain.user["user_id"] = "ffff"
    clock.advance(HOUR)

    refused = await bridge.harness.refresh(client, tokens.refresh)

    assert refused.response.status_code == 503


def test_a_shared_issuer_without_an_address_is_refused_at_start() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        IdentityProvider(kind="oci", client_id=CLIENT_ID, allow=Allow(everyone=True))

    assert refusal.value.reason == "provider-internal-url"


def test_a_domain_with_an_issuer_of_its_own_needs_no_address() -> None:
    own = IdentityProvider(
        kind="oci", issuer=DOMAIN, client_id=CLIENT_ID, allow=Allow(everyone=True)
    )

    assert own.internal_url is None


async def test_b2c_gets_the_application_as_scope_at_both_legs(
    start_bridge: StartBridge, clock: Any
) -> None:
    bridge = await bridge_to(start_bridge, "azure-b2c")
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)

    await bridge.harness.refresh(client, tokens.refresh)

    wanted = f"openid offline_access {CLIENT_ID}"
    refreshed = next(
        form for _, form in bridge.provider.requests if form.get("grant_type") == "refresh_token"
    )
    assert bridge.provider.authorizations[0]["scope"] == refreshed["scope"] == wanted


@pytest.mark.parametrize(
    ("kind", "rule", "claims", "admitted"),
    [
        ("slack", Allow(organizations={"T01"}), {"https://slack.com/team_id": "T01"}, True),
        ("slack", Allow(organizations={"T01"}), {"https://slack.com/team_id": "T02"}, False),
        ("slack", Allow(organizations={"acme"}), {"https://slack.com/team_domain": "acme"}, False),
        ("gitlab", Allow(groups={"acme/mcp"}), {"groups": ["acme", "acme/mcp"]}, True),
        ("gitlab", Allow(groups={"acme/mcp"}), {"groups_direct": ["acme/mcp"]}, False),
        (
            "huggingface",
            Allow(organizations={"acme"}),
            {"orgs": [{"preferred_username": "acme"}]},
            True,
        ),
        (
            "huggingface",
            Allow(organizations={"acme"}),
            {"orgs": [{"preferred_username": "acme", "pendingSSO": True}]},
            False,
        ),
        (
            "huggingface",
            Allow(organizations={"acme"}),
            {"orgs": [{"preferred_username": "acme", "missingMFA": True}]},
            False,
        ),
        ("huggingface", Allow(organizations={"acme"}), {"orgs": "acme"}, False),
        ("clerk", Allow(organizations={"org_1"}), {"org_id": "org_1"}, True),
        ("clerk", Allow(organizations={"org_1"}), {"org_slug": "org_1"}, False),
        (
            "supabase",
            Allow(domains={"a.example"}),
            {"email": "x@a.example", "email_verified": True},
            True,
        ),
        # The owner of the domain has proved to Entra that it is his.
        ("entra", Allow(domains={"a.example"}), {"email": "x@a.example", "xms_edov": True}, True),
        ("entra", Allow(domains={"a.example"}), {"email": "x@a.example", "xms_edov": False}, False),
        (
            "entra",
            Allow(domains={"a.example"}),
            {"email": "x@a.example", "xms_edov": "true"},
            False,
        ),
    ],
)
@proves("S204", "accepts", "admission by claims")
@proves("S204", "refuses", "admission by claims")
async def test_an_openid_kind_admits_by_its_own_claims(
    start_bridge: StartBridge, kind: str, rule: Allow, claims: dict[str, Any], admitted: bool
) -> None:
    bridge = await bridge_to(start_bridge, kind, allow=rule)
    bridge.provider.user |= claims

    assert await status_of(bridge) == (303 if admitted else 403)


class WithoutRefreshedIdToken(OpenIdProvider):
    """A provider whose refreshed tokens come without an ID token, as Supabase's do."""

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        tokens = super()._tokens(nonce)
        if nonce is None:
            del tokens["id_token"]
        return tokens


async def test_a_refresh_without_an_id_token_reads_userinfo(
    start_bridge: StartBridge, clock: Any
) -> None:
    provider = provider_of("supabase")
    upstream = WithoutRefreshedIdToken(clock, issuer=provider.issuer_url)
    bridge = await start_bridge(provider, provider=upstream)
    client, tokens = await signed_in(bridge)
    upstream.user["name"] = "Jane Roe"
    clock.advance(HOUR)

    again = await bridge.harness.refresh(client, tokens.refresh)

    assert claims_of(again.access)["name"] == "Jane Roe"


@pytest.mark.parametrize("nonce", ["", "another"])
async def test_slack_must_answer_with_the_nonce_that_it_was_sent(
    start_bridge: StartBridge, nonce: str
) -> None:
    # It writes an empty one where it was sent none, so an injected code would bring that.
    bridge = await bridge_to(start_bridge, "slack")
    bridge.provider.changed["nonce"] = nonce

    assert await status_of(bridge) == 502


@pytest.mark.parametrize(
    ("error", "status"),
    [("invalid_code", 403), ("internal_error", 503), ("bad_client_secret", 502)],
)
async def test_slack_says_no_with_status_200(
    start_bridge: StartBridge, error: str, status: int
) -> None:
    bridge = await bridge_to(start_bridge, "slack")
    bridge.provider.broken = answered({"ok": False, "error": error})

    assert await status_of(bridge) == status


@pytest.mark.parametrize(
    ("iss", "status"), [("https://accounts.google.com", 303), ("https://evil.example", 502)]
)
async def test_google_names_its_issuer_without_having_advertised_that(
    start_bridge: StartBridge, iss: str, status: int
) -> None:
    bridge = await bridge_to(start_bridge, "google")
    browser = bridge.harness.browser()
    client = (await bridge.harness.register())["client_id"]
    redirect = await bridge.to_provider(browser, client)

    back = await browser.open(bridge.provider.callback(redirect.headers["location"], iss=iss))

    assert back.status_code == status


class DeadAtAuth0(OpenIdProvider):
    """Auth0 answers 403 about a refresh token that has ended."""

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        if b"grant_type=refresh_token" in request.body:
            return answered({"error": "invalid_grant", "error_description": "Unknown token."}, 403)
        return await super().send(url, request, limit=limit)


@proves("S49", "refuses", "a failed provider refresh ends the grant")
async def test_a_dead_refresh_token_of_auth0_ends_the_session_in_spite_of_its_status(
    start_bridge: StartBridge, clock: Any
) -> None:
    provider = provider_of("auth0")
    bridge = await start_bridge(provider, provider=DeadAtAuth0(clock, issuer=provider.issuer_url))
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)

    refused = await bridge.harness.refresh(client, tokens.refresh)

    assert (refused.response.status_code, refused.body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("kind", ["cognito", "entra"])
@proves("S198", "refuses", "faults are 503")
async def test_invalid_client_of_a_provider_never_reaches_the_client(
    start_bridge: StartBridge, clock: Any, kind: str
) -> None:
    # Cognito says so with status 400, and Entra if a scope lacks its resource.
    bridge = await bridge_to(start_bridge, kind)
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    bridge.provider.broken = answered({"error": "invalid_client"}, 400)

    refused = await bridge.harness.refresh(client, tokens.refresh)

    assert refused.response.status_code == 503
    assert refused.body["error"] == "temporarily_unavailable"


async def test_okta_tells_groups_and_profile_in_userinfo_alone(
    start_bridge: StartBridge,
) -> None:
    bridge = await bridge_to(start_bridge, "okta", allow=Allow(groups={"staff"}))
    thin = bridge.provider
    thin.user |= {"groups": ["staff"], "email": "x@a.example"}
    # The ID token has none of it.
    thin.changed |= {"groups": None, "email": None, "name": None}

    assert await status_of(bridge) == 303
    assert "state" in thin.authorizations[0]
