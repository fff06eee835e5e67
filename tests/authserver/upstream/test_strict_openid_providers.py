"""
Providers that keep to the letter of OpenID Connect are signed in at by their issuer alone.

They put ``profile`` and ``email`` into the userinfo, and issue a refresh token only after they asked
for consent.
"""

from typing import Any

import pytest

from doorward.authserver.settings.admission import Allow
from doorward.net import FetchResponse
from tests.authserver.browser import answer_in
from tests.authserver.harness import Tokens, claims_of
from tests.authserver.steps import is_sign_in
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import answered


def paths(bridge: Bridge) -> list[str]:
    return [path for path, _ in bridge.provider.requests]


async def signed_in(bridge: Bridge) -> tuple[str, Tokens]:
    """Sign in, also where the provider must be visited twice; return the client and its tokens."""
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(browser, client)
    if back.headers["location"].startswith(bridge.provider.base):
        back = await browser.open(bridge.provider.callback(back.headers["location"]))
    code = answer_in(back.headers["location"])["code"]
    return client, await harness.token(harness.code_fields(client, code))


async def test_claims_that_an_id_token_leaves_out_are_read_from_the_userinfo(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(
        identity_provider(allow=Allow(domains={"example.com"}), group_roles={"staff": ("chief",)})
    )
    bridge.provider.thin = True
    bridge.provider.user |= {
        "email": "jane@example.com", "email_verified": True, "groups": ["staff"],
    }  # fmt: skip

    _, tokens = await signed_in(bridge)

    assert claims_of(tokens.access)["name"] == "Jane Doe"
    assert claims_of(tokens.access)["roles"] == ["chief"]


async def test_an_id_token_that_has_it_all_costs_no_request_more(bridge: Bridge) -> None:
    bridge.provider.user |= {"email": "jane@example.com"}

    await signed_in(bridge)

    assert "/userinfo" not in paths(bridge)


async def test_the_userinfo_of_another_user_adds_no_claims(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(domains={"example.com"})))
    bridge.provider.thin = True
    bridge.provider.user |= {"email": "jane@example.com", "email_verified": True}
    send = bridge.provider.send

    async def swapped(url: str, request: Any, *, limit: int = 0) -> FetchResponse:
        if url.endswith("/userinfo"):
            return answered(bridge.provider.user | {"sub": "somebody-else"})
        answer: FetchResponse = await send(url, request, limit=limit)
        return answer

    bridge.provider.send = swapped
    harness = bridge.harness
    page = await bridge.sign_in(harness.browser(), (await harness.register())["client_id"])

    assert page.status_code == 502
    assert "provider-answer-refused" in page.text


async def test_a_provider_without_userinfo_is_judged_by_its_id_token(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(domains={"example.com"})))
    bridge.provider.thin = True
    bridge.provider.metadata["userinfo_endpoint"] = None
    harness = bridge.harness

    page = await bridge.sign_in(harness.browser(), (await harness.register())["client_id"])

    assert page.status_code == 403
    assert is_sign_in(page) or "account" in page.text


async def test_a_provider_that_wants_consent_for_a_refresh_token_is_asked_with_it(
    bridge: Bridge, clock: Any
) -> None:
    bridge.provider.offline_needs_consent = True

    client, tokens = await signed_in(bridge)
    clock.advance(3600)
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert [one.get("prompt") for one in bridge.provider.authorizations] == [None, "consent"]
    assert again.response.status_code == 200


async def test_the_next_sign_in_there_begins_with_it(bridge: Bridge) -> None:
    bridge.provider.offline_needs_consent = True
    await signed_in(bridge)
    await signed_in(bridge)

    prompts = [one.get("prompt") for one in bridge.provider.authorizations]
    assert prompts == [None, "consent", "consent"]


async def test_a_provider_that_never_issues_refresh_tokens_is_asked_once(bridge: Bridge) -> None:
    bridge.provider.response = {"refresh_token": None}
    await signed_in(bridge)
    await signed_in(bridge)

    prompts = [one.get("prompt") for one in bridge.provider.authorizations]
    assert prompts == [None, "consent", None]


@pytest.mark.parametrize("scopes", [["openid"], []])
async def test_a_provider_that_knows_no_offline_access_is_not_asked_for_it(
    bridge: Bridge, scopes: list[str]
) -> None:
    bridge.provider.metadata["scopes_supported"] = scopes
    bridge.provider.response = {"refresh_token": None}

    await signed_in(bridge)

    assert [one.get("prompt") for one in bridge.provider.authorizations] == [None]


async def test_an_account_that_no_rule_admits_is_not_sent_there_again(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(domains={"example.com"})))
    bridge.provider.offline_needs_consent = True
    harness = bridge.harness

    page = await bridge.sign_in(harness.browser(), (await harness.register())["client_id"])

    assert page.status_code == 403
    assert len(bridge.provider.authorizations) == 1
