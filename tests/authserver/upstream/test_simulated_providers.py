"""Every preset signs people in at a simulator of its provider, and copes with what that one does."""

from typing import Any

import pytest

from doorward import idp
from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.identity_provider import IdentityProvider
from tests.authserver.browser import answer_in
from tests.authserver.harness import Tokens, claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.one_of_each import one_of_each
from tests.simulators.providers import SIMULATED, simulators_of
from tests.simulators.simulator import Simulator

# Longer than any time for which a provider's word counts, and than all its tokens but the longest.
LONG = 90_000.0


def settings_of(simulator: Simulator, **changes: Any) -> IdentityProvider:
    """Return what an operator configures for this provider."""
    settings: dict[str, Any] = {
        "kind": simulator.facts.kind,
        "issuer": simulator.facts.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "allow": Allow(everyone=True),
        **simulator.facts.settings,
    }
    return IdentityProvider(**{**settings, **changes})


class At:
    """One person and one client, at a server whose identity provider is a simulator."""

    def __init__(self, bridge: Bridge, simulator: Simulator, client: str) -> None:
        self.bridge = bridge
        self.simulator = simulator
        self.client = client

    @property
    def authorization_endpoint(self) -> str:
        """Where the provider's sign-in begins."""
        return str(self.simulator.facts.metadata["authorization_endpoint"])

    async def back(self) -> Any:
        """Sign in, and return what the callback answers at last."""
        browser = self.bridge.harness.browser()
        back = await self.bridge.sign_in(browser, self.client)
        # Google is asked for its consent once more if it has issued no refresh token.
        while back.headers.get("location", "").startswith(f"{self.authorization_endpoint}?"):
            back = await browser.open(self.simulator.callback(back.headers["location"]))
        return back

    async def sign_in(self) -> Tokens:
        """Sign in, and return the tokens of our server."""
        back = await self.back()
        assert back.status_code == 303, back.text
        harness = self.bridge.harness
        code = answer_in(back.headers["location"])["code"]
        return await harness.token(harness.code_fields(self.client, code))

    async def refresh(self, tokens: Tokens) -> Tokens:
        """Refresh the tokens of our server."""
        return await self.bridge.harness.refresh(self.client, tokens.refresh)

    async def revoke(self, tokens: Tokens) -> None:
        """Revoke the tokens of our server, and wait for what that causes."""
        harness = self.bridge.harness
        form = {"token": tokens.refresh, "client_id": self.client}
        assert (await harness.http.post(harness.url("/revoke"), data=form)).status_code == 200
        await harness.server.services.token_revocation.aclose()


KINDS = {one.name for one in idp.PROVIDERS}


def how_it_keeps_access(name: str) -> tuple[bool, str, bool]:
    """Return what of a provider these tests depend on."""
    facts = SIMULATED[name]
    return "jwks_uri" in facts.metadata, facts.refresh, "revocation_endpoint" in facts.metadata


SIMULATORS = sorted(one.name for one in SIMULATED.values() if one.kind in KINDS)


@pytest.fixture(params=one_of_each(SIMULATORS, how_it_keeps_access))
async def at(request: pytest.FixtureRequest, start_bridge: StartBridge, clock: Any) -> At:
    """A server at each simulator in turn."""
    return await started(start_bridge, clock, request.param)


async def started(start_bridge: StartBridge, clock: Any, name: str, **changes: Any) -> At:
    simulator = Simulator(clock, facts=SIMULATED[name])
    provider = settings_of(simulator, **changes)
    bridge = await start_bridge(provider, provider=simulator)
    simulator.redirect_uris = frozenset({bridge.harness.url(f"/callback/{provider.name}")})
    return At(bridge, simulator, (await bridge.harness.register())["client_id"])


@pytest.mark.parametrize("kind", [one.name for one in idp.PROVIDERS])
def test_each_preset_has_a_simulator(kind: str) -> None:
    assert simulators_of(kind)


def test_each_simulator_is_of_a_preset_that_exists() -> None:
    for one in SIMULATED.values():
        assert idp.find(one.kind).name == one.kind


async def test_jane_signs_in_and_gets_a_token_for_this_server_alone(at: At) -> None:
    tokens = await at.sign_in()

    claims = claims_of(tokens.access)
    assert claims["aud"] == at.bridge.harness.resource
    assert claims["name"] == "Jane Doe"
    sent = [*at.simulator.authorizations, *(form for _, form in at.simulator.requests)]
    assert all("resource" not in form and "audience" not in form for form in sent)


async def test_access_goes_on_as_long_as_the_provider_says_so(at: At, clock: Any) -> None:
    tokens = await at.sign_in()
    for _ in range(3):
        clock.advance(3600)
        tokens = await at.refresh(tokens)
        assert tokens.response.status_code == 200, tokens.response.text

    assert at.simulator.refreshed == (0 if at.simulator.facts.refresh == "never" else 3)


async def test_access_ends_when_the_account_is_disabled_there(at: At, clock: Any) -> None:
    tokens = await at.sign_in()
    at.simulator.ended = True
    clock.advance(LONG)

    refused = await at.refresh(tokens)

    assert refused.response.status_code == 400
    assert refused.body["error"] == "invalid_grant"


async def test_a_secret_that_is_wrong_there_is_the_operators_fault_and_ends_nothing(
    at: At, clock: Any
) -> None:
    tokens = await at.sign_in()
    at.simulator.client_secret = "rotated by somebody at the provider"
    clock.advance(3600)

    failed = await at.refresh(tokens)
    page = await at.back()

    # Clients throw away their credentials at invalid_client, and their tokens at invalid_grant.
    if at.simulator.facts.refresh != "never":
        assert failed.response.status_code == 503, failed.body
        assert failed.body["error"] == "temporarily_unavailable"
    assert page.status_code == 502
    assert "provider-misconfigured" in page.text
    at.simulator.client_secret = CLIENT_SECRET
    assert (await at.refresh(tokens)).response.status_code == 200


async def test_revoking_the_last_grant_revokes_at_the_provider_where_that_exists(at: At) -> None:
    tokens = await at.sign_in()

    await at.revoke(tokens)

    assert (await at.refresh(tokens)).body["error"] == "invalid_grant"
    assert bool(at.simulator.revoked) is ("revocation_endpoint" in at.simulator.facts.metadata)


async def test_a_second_sign_in_there_finds_the_same_user_and_refreshes_too(
    at: At, clock: Any
) -> None:
    first, second = await at.sign_in(), await at.sign_in()
    assert claims_of(first.access)["sub"] == claims_of(second.access)["sub"]
    clock.advance(3600)

    assert (await at.refresh(second)).response.status_code == 200


async def test_a_prompt_of_the_client_does_not_replace_the_one_that_brings_a_refresh_token(
    start_bridge: StartBridge, clock: Any
) -> None:
    at = await started(start_bridge, clock, "logto")
    await at.sign_in()
    redirect = await at.bridge.to_provider(at.bridge.harness.browser(), at.client, prompt="login")

    at.simulator.authorize(redirect.headers["location"])

    assert at.simulator.authorizations[-1]["prompt"] == "consent login"
