"""People who sign in at a provider see and end their grants on ``/account``."""

import httpx2

from doorward.authserver.settings.admission import Allow
from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import answered


async def at_the_provider(bridge: Bridge, browser: Browser) -> str:
    """Open the page, and return the address of the redirect to the provider."""
    page = await browser.open(bridge.harness.url("/account"))
    redirect = await browser.submit(form_with(page.text, "transaction"))
    return str(redirect.headers["location"])


async def signed_in(bridge: Bridge, browser: Browser) -> httpx2.Response:
    return await browser.open(bridge.provider.callback(await at_the_provider(bridge, browser)))


async def test_a_sign_in_at_the_provider_leads_to_the_page(bridge: Bridge) -> None:
    client = (await bridge.harness.register(client_name="Desk assistant"))["client_id"]
    back = await bridge.sign_in(bridge.harness.browser(), client)
    code = answer_in(back.headers["location"])["code"]
    await bridge.harness.token(bridge.harness.code_fields(client, code))

    page = await signed_in(bridge, bridge.harness.browser())

    assert page.status_code == 200
    assert "Jane Doe" in page.text
    assert "Desk assistant" in page.text


async def test_a_sign_in_for_the_page_is_no_consent_for_an_application(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    await signed_in(bridge, browser)

    page = await browser.open(harness.authorize_url(client))

    assert page.status_code == 200
    assert 'name="decision"' in page.text


async def test_the_callback_of_another_browser_is_refused(bridge: Bridge) -> None:
    mine, theirs = bridge.harness.browser(), bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, mine))

    refused = await theirs.open(callback)

    assert refused.status_code == 403
    assert "form-refused" in refused.text


async def test_an_account_that_is_not_admitted_gets_a_page(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(groups={"staff"})))

    refused = await signed_in(bridge, bridge.harness.browser())

    assert refused.status_code == 403
    assert "account-not-allowed" in refused.text


async def test_an_outage_of_the_provider_is_a_page_that_says_when_to_try_again(
    bridge: Bridge,
) -> None:
    browser = bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser))
    bridge.provider.broken = answered({"error": "server_error"}, 500)

    page = await browser.open(callback)

    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0


async def test_a_user_who_is_disabled_stays_out(bridge: Bridge) -> None:
    await signed_in(bridge, bridge.harness.browser())
    users = bridge.harness.server.users
    await users.disable(f"sso:{bridge.provider.user['sub']}")

    refused = await signed_in(bridge, bridge.harness.browser())

    assert refused.status_code == 403
