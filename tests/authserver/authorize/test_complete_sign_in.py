"""After a sign-in, every way of authentication continues alike."""

import httpx2
import pytest
from starlette.responses import Response

from doorward.authserver.authorize.sign_in import complete_sign_in
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.refusals import AccessDenied, FormRefused
from doorward.authserver.users.cookies import Browser as KnownBrowser
from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.harness import AuthServerHarness
from tests.authserver.steps import consent_page, is_consent


async def begin(harness: AuthServerHarness, browser: Browser) -> tuple[KnownBrowser, Transaction]:
    """Send the browser to the sign-in page; return it as the server knows it."""
    client = await harness.register()
    page = await browser.open(harness.authorize_url(client["client_id"]))
    handle = form_with(page.text, "password").fields["transaction"]
    known = as_the_server_knows(harness, browser)
    return known, await harness.server.services.transactions.find(handle, known)


def as_the_server_knows(harness: AuthServerHarness, browser: Browser) -> KnownBrowser:
    cookies, jar = harness.server.services.cookies, browser.http.cookies
    return KnownBrowser(
        str(jar[cookies.browser_name]),
        is_new=False,
        session_id=jar.get(cookies.session_name),
        known_secret=jar.get(cookies.known_name),
    )


async def follow(browser: Browser, response: Response) -> httpx2.Response:
    """Do what a browser does with the response."""
    request = httpx2.Request("GET", browser.origin)
    received = httpx2.Response(303, headers=response.raw_headers, request=request)
    browser.http.cookies.extract_cookies(received)
    return await browser.open(response.headers["location"])


async def test_a_user_without_a_password_is_asked_for_consent_and_gets_a_code(
    harness: AuthServerHarness,
) -> None:
    user = await harness.server.users.add("upstream", None, scopes=("mcp:read",))
    browser = harness.browser()
    known, transaction = await begin(harness, browser)

    response = await complete_sign_in(
        harness.server.services, known, transaction, user, amr=["fed", "mfa"]
    )
    page = await follow(browser, response)
    answered = await browser.decide(page)

    assert response.status_code == 303
    assert is_consent(page)
    assert "code" in answer_in(answered.headers["location"])
    signed_in = next(event for event in harness.events if event.kind == "sign-in.succeeded")
    assert signed_in.facts == {"user": user.id, "amr": "fed mfa"}


async def test_an_earlier_session_and_an_earlier_known_browser_are_replaced(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    await consent_page(harness, browser, (await harness.register())["client_id"])
    before = as_the_server_knows(harness, browser)
    page = await browser.open(
        harness.authorize_url((await harness.register())["client_id"], prompt="login")
    )
    handle = form_with(page.text, "password").fields["transaction"]
    services = harness.server.services
    transaction = await services.transactions.find(handle, before)
    alice = await harness.server.users.find("alice")
    assert alice is not None

    response = await complete_sign_in(services, before, transaction, alice, amr=["fed"])
    await follow(browser, response)

    after = as_the_server_knows(harness, browser)
    assert await services.sessions.user(before.session_id) is None
    assert await services.sessions.user(after.session_id) == alice
    assert not await services.known_browsers.is_known(before.known_secret, "alice")
    assert await services.known_browsers.is_known(after.known_secret, "alice")


async def test_a_disabled_user_is_not_signed_in(harness: AuthServerHarness) -> None:
    await harness.server.users.disable("alice")
    alice = await harness.server.users.find("alice")
    assert alice is not None
    known, transaction = await begin(harness, harness.browser())

    with pytest.raises(AccessDenied):
        await complete_sign_in(harness.server.services, known, transaction, alice, amr=["fed"])

    found = await harness.server.services.transactions.find(transaction.handle, known)
    assert found.user_id is None


async def test_another_browser_cannot_be_signed_in_for_the_transaction(
    harness: AuthServerHarness,
) -> None:
    alice = await harness.server.users.find("alice")
    assert alice is not None
    _, transaction = await begin(harness, harness.browser())
    other, _ = await begin(harness, harness.browser())

    with pytest.raises(FormRefused):
        await complete_sign_in(harness.server.services, other, transaction, alice, amr=["fed"])
