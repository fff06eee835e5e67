"""Sign-ins that lack a second factor, where the settings of the provider require one."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from doorward.authserver.upstream.id_tokens.account import read_account
from doorward.idp.sign_in import OPENID_SIGN_IN
from tests.authserver.browser import answer_in, form_with
from tests.authserver.steps import OTHER_CHALLENGE, is_consent
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import answered
from tests.ledger import proves

ACR = {"acr_values": ("urn:example:2fa", "urn:example:hardware")}
AMR = {"required_amr": ("mfa",)}


def is_refused(page: httpx2.Response) -> bool:
    return page.status_code == 403 and "did not confirm the second factor" in page.text


async def signed_in_with(bridge: Bridge, **claims: Any) -> httpx2.Response:
    """Sign in with these claims of the ID token."""
    bridge.provider.changed |= claims
    client = (await bridge.harness.register())["client_id"]
    return await bridge.sign_in(bridge.harness.browser(), client)


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        (ACR, {"acr": "urn:example:2fa"}),
        (ACR, {"acr": "urn:example:hardware"}),
        (AMR, {"amr": ["pwd", "mfa", "otp"]}),
        (ACR | AMR, {"acr": "urn:example:2fa", "amr": ["mfa"]}),
    ],
)
@proves("S28", "accepts", "no code before the second factor")
async def test_a_sign_in_with_the_required_factor_gets_a_code(
    start_bridge: StartBridge, settings: dict[str, Any], claims: dict[str, Any]
) -> None:
    bridge = await start_bridge(identity_provider(**settings))

    answer = await signed_in_with(bridge, **claims)

    assert "code" in answer_in(answer.headers["location"])
    wanted = " ".join(settings.get("acr_values", ())) or None
    assert bridge.provider.authorizations[0].get("acr_values") == wanted


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        (ACR, {}),
        (ACR, {"acr": "0"}),
        (ACR, {"acr": "urn:example:2fa urn:example:hardware"}),
        (ACR, {"acr": ["urn:example:2fa"]}),
        (ACR, {"amr": ["urn:example:2fa"]}),
        (AMR, {}),
        (AMR, {"amr": ["pwd"]}),
        (AMR, {"amr": "mfa"}),
        (AMR, {"amr": ["mfa", 1]}),
        (AMR, {"acr": "mfa"}),
        (ACR | AMR, {"acr": "urn:example:2fa"}),
        (ACR | AMR, {"amr": ["mfa"]}),
        ({"required_amr": ("mfa", "hwk")}, {"amr": ["mfa"]}),
    ],
)
@proves("S28", "refuses", "no code before the second factor")
async def test_a_sign_in_without_it_gets_neither_code_nor_session(
    start_bridge: StartBridge, settings: dict[str, Any], claims: dict[str, Any]
) -> None:
    bridge = await start_bridge(identity_provider(**settings))
    bridge.provider.changed |= claims
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]

    refused = await bridge.sign_in(browser, client)

    assert is_refused(refused)
    assert any(name in refused.text for name in settings)
    assert harness.server.services.cookies.session_name not in browser.http.cookies
    assert "code.issued" not in harness.kinds()
    failed = next(one for one in harness.events if one.kind == "provider-sign-in.failed")
    assert failed.reason == "authentication-not-met"


def test_how_somebody_signed_in_is_read_from_the_id_token_alone() -> None:
    stated = {"sub": "1", "acr": "2", "amr": ["mfa"]}

    account = read_account("https://login.example", stated, OPENID_SIGN_IN, {"sub": "1"})

    assert (account.acr, account.amr) == (None, frozenset())
    account = read_account("https://login.example", {"sub": "1"}, OPENID_SIGN_IN, stated)
    assert (account.acr, account.amr) == ("2", frozenset({"mfa"}))


async def test_a_user_can_try_again_with_the_second_factor(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(identity_provider(**AMR))
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    page = await bridge.sign_in(browser, client)
    assert is_refused(page)

    bridge.provider.changed |= {"amr": ["mfa"]}
    asked = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(asked)
    answer = await browser.open(bridge.provider.callback(redirect.headers["location"]))

    assert "code" in answer_in(answer.headers["location"])


async def test_a_provider_that_cannot_fulfil_it_says_so(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(identity_provider(**ACR))
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    redirect = await bridge.to_provider(browser, client)

    page = await browser.open(
        bridge.provider.callback(
            redirect.headers["location"], code=None, error="unmet_authentication_requirements"
        )
    )

    assert page.status_code == 403
    assert "did not confirm the required second factor" in page.text


async def test_account_opens_only_with_the_second_factor(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(identity_provider(**AMR))
    browser = bridge.harness.browser()
    page = await browser.open(bridge.harness.url("/account"))
    redirect = await browser.submit(form_with(page.text, "transaction"))

    refused = await browser.open(bridge.provider.callback(redirect.headers["location"]))

    assert refused.status_code == 403
    assert "authentication-not-met" in refused.text
    assert not (await browser.open(bridge.harness.url("/account"))).text.count("Sign out")


@proves("S28", "accepts", "no code before the second factor")
async def test_a_refreshed_id_token_need_not_repeat_the_second_factor(
    start_bridge: StartBridge, clock: Any
) -> None:
    bridge = await start_bridge(identity_provider(**ACR, **AMR))
    harness, browser = bridge.harness, bridge.harness.browser()
    bridge.provider.changed |= {"acr": "urn:example:2fa", "amr": ["mfa"]}
    client = (await harness.register())["client_id"]
    answer = await bridge.sign_in(browser, client)
    tokens = await harness.token(
        harness.code_fields(client, answer_in(answer.headers["location"])["code"])
    )
    del bridge.provider.changed["acr"], bridge.provider.changed["amr"]
    clock.advance(3600)

    refreshed = await harness.refresh(client, tokens.refresh)

    assert refreshed.response.status_code == 200
    assert "refresh_token" in [form.get("grant_type") for _, form in bridge.provider.requests]


@proves("S28", "refuses", "no code before the second factor")
async def test_sessions_from_before_the_setting_do_not_pass(start_bridge: StartBridge) -> None:
    bridge = await start_bridge()
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    answer = await bridge.sign_in(browser, client)
    tokens = await harness.token(
        harness.code_fields(client, answer_in(answer.headers["location"])["code"])
    )
    url = harness.authorize_url(client, code_challenge=OTHER_CHALLENGE)
    assert is_consent(await browser.open(url))
    # The restart with the new setting, on the same database.
    settings = harness.server.services.settings
    stricter = replace(settings, identity_providers=(identity_provider(**AMR),))
    harness.server.services.provider_sessions._settings = stricter

    page = await browser.open(url)
    refreshed = await harness.refresh(client, tokens.refresh)

    # The consent page comes before the provider again, and names nobody.
    assert "Continue to Example SSO" in page.text or "Example SSO" in page.text
    assert "Jane Doe" not in page.text
    assert refreshed.response.status_code == 400
    assert refreshed.body["error"] == "invalid_grant"


async def test_an_outage_is_still_an_outage(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(identity_provider(**AMR))
    bridge.provider.broken = answered({"error": "server_error"}, 500)

    page = await signed_in_with(bridge, amr=["mfa"])

    assert page.status_code == 503
