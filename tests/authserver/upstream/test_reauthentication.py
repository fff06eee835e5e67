"""A client asks for a new authentication, and the identity provider has to confirm it."""

from typing import Any

import pytest

from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.conftest import StoppedClock
from tests.authserver.harness import claims_of
from tests.authserver.openid.conftest import Application
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.test_simulated_providers import started


async def registered(bridge: Bridge) -> tuple[Browser, str]:
    return bridge.harness.browser(), (await bridge.harness.register())["client_id"]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"prompt": "login"}, {"prompt": "login"}),
        ({"max_age": "300"}, {"max_age": "300"}),
        ({"prompt": "login", "max_age": "0"}, {"prompt": "login", "max_age": "0"}),
        ({}, {}),
    ],
)
async def test_the_provider_is_asked_for_what_the_client_asks(
    bridge: Bridge, clock: StoppedClock, asked: dict[str, str], sent: dict[str, str]
) -> None:
    browser, client_id = await registered(bridge)
    bridge.provider.changed = {"auth_time": int(clock())}

    response = await bridge.sign_in(browser, client_id, **asked)

    (query,) = bridge.provider.authorizations
    assert {name: query[name] for name in ("prompt", "max_age") if name in query} == sent
    assert "code" in answer_in(response.headers["location"])


@pytest.mark.parametrize(
    ("asked", "auth_time", "admitted"),
    [
        # A clock that is a little off counts as good.
        ({"prompt": "login"}, -10, True),
        ({"prompt": "login"}, -3600, False),
        # Core requires auth_time only of a provider that was sent max_age.
        ({"prompt": "login"}, None, True),
        ({"max_age": "300"}, -290, True),
        ({"max_age": "300"}, -400, False),
        ({"max_age": "300"}, None, False),
        ({"max_age": "300"}, "now", False),
        ({}, -3600, True),
    ],
)
async def test_a_sign_in_counts_if_it_is_as_recent_as_the_client_asks(
    bridge: Bridge,
    clock: StoppedClock,
    asked: dict[str, str],
    auth_time: Any,
    *,
    admitted: bool,
) -> None:
    """The attack: somebody at the browser removes ``prompt`` or ``max_age`` on the way there."""
    browser, client_id = await registered(bridge)
    told = int(clock()) + auth_time if isinstance(auth_time, int) else auth_time
    bridge.provider.changed = {"auth_time": told}

    response = await bridge.sign_in(browser, client_id, **asked)

    if admitted:
        assert "code" in answer_in(response.headers["location"])
    else:
        assert response.status_code == 403
        assert "authentication-too-old" in response.text
        assert "sign-in.succeeded" not in bridge.harness.kinds()


async def test_a_second_redirect_for_a_refresh_token_asks_for_no_less(
    bridge: Bridge, clock: StoppedClock
) -> None:
    browser, client_id = await registered(bridge)
    bridge.provider.offline_needs_consent = True
    bridge.provider.changed = {"auth_time": int(clock())}
    redirect = await bridge.to_provider(browser, client_id, max_age="300")
    again = await browser.open(bridge.provider.callback(redirect.headers["location"]))
    assert "max_age=300" in again.headers["location"]

    bridge.provider.changed = {"auth_time": int(clock()) - 3600}
    refused = await browser.open(bridge.provider.callback(again.headers["location"]))

    assert refused.status_code == 403
    assert "authentication-too-old" in refused.text


async def test_a_provider_without_id_tokens_confirms_no_max_age(
    start_bridge: StartBridge, clock: StoppedClock
) -> None:
    at = await started(start_bridge, clock, "github")
    browser = at.bridge.harness.browser()

    refused = await at.bridge.sign_in(browser, at.client, max_age="300")
    again = await at.bridge.sign_in(browser, at.client, prompt="login")

    assert all("max_age" not in asked for asked in at.simulator.authorizations)
    assert refused.status_code == 403
    assert "authentication-too-old" in refused.text
    assert "code" in answer_in(again.headers["location"])


async def test_a_session_counts_as_old_as_the_provider_says(
    bridge: Bridge, clock: StoppedClock
) -> None:
    browser, client_id = await registered(bridge)
    bridge.provider.changed = {"auth_time": int(clock()) - 200}
    await bridge.sign_in(browser, client_id)

    young = await browser.open(bridge.harness.authorize_url(client_id, max_age="201"))
    old = await browser.open(bridge.harness.authorize_url(client_id, max_age="199"))

    assert "Use another account" in young.text
    assert "You sign in at" in old.text


async def test_a_session_counts_as_old_where_the_provider_does_not_say(bridge: Bridge) -> None:
    browser, client_id = await registered(bridge)
    await bridge.sign_in(browser, client_id)

    page = await browser.open(bridge.harness.authorize_url(client_id, max_age="3600"))

    assert "You sign in at" in page.text


@pytest.mark.parametrize("told", [True, False])
async def test_an_id_token_says_what_the_provider_said_and_nothing_else(
    start_bridge: StartBridge, clock: StoppedClock, *, told: bool
) -> None:
    bridge: Bridge = await start_bridge(openid=True)
    said = {"auth_time": int(clock()) - 30, "acr": "gold", "amr": ["otp", "pwd"]}
    bridge.provider.changed = said if told else {}
    bridge.provider.user |= {"email": "jane@example.com", "email_verified": True}
    browser, client_id = await registered(bridge)
    application = Application(bridge.harness, client_id)

    page = await browser.decide(await browser.open(application.url()))
    answer = await browser.open(bridge.provider.callback(page.headers["location"]))
    tokens = await application.redeem(answer_in(answer.headers["location"])["code"])
    userinfo = (await application.userinfo(tokens.access)).json()

    claims = claims_of(tokens.body["id_token"])
    assert {name: claims[name] for name in ("auth_time", "acr", "amr") if name in claims} == (
        said if told else {}
    )
    assert claims["sub"] != "248289761001"
    assert (userinfo["email"], userinfo["email_verified"]) == ("jane@example.com", True)


@pytest.mark.parametrize("verified", [False, None])
async def test_an_address_that_the_provider_did_not_verify_is_told_to_nobody(
    start_bridge: StartBridge, verified: bool | None
) -> None:
    bridge: Bridge = await start_bridge(openid=True)
    bridge.provider.user |= {"email": "jane@example.com", "email_verified": verified}
    browser, client_id = await registered(bridge)
    application = Application(bridge.harness, client_id)

    page = await browser.decide(await browser.open(application.url()))
    answer = await browser.open(bridge.provider.callback(page.headers["location"]))
    tokens = await application.redeem(answer_in(answer.headers["location"])["code"])

    assert tokens.body["scope"] == "openid profile"
    assert "email" not in (await application.userinfo(tokens.access)).json()


async def test_an_answer_that_cannot_be_verified_leaves_the_way_back_to_the_application(
    bridge: Bridge,
) -> None:
    browser, client_id = await registered(bridge)
    bridge.provider.changed = {"nonce": "of another sign-in"}

    page = await bridge.sign_in(browser, client_id)
    cancelled = await browser.submit(form_with(page.text, "decision"), decision="deny")

    assert page.status_code == 502
    assert "provider-answer-refused" in page.text
    assert answer_in(cancelled.headers["location"])["error"] == "access_denied"
