"""What follows a sign-in is the same, whichever way a user was authenticated."""

import httpx2
import pytest
from starlette.responses import Response

from doorward.authserver.authorize.sign_in import complete_sign_in
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.refusals import AccessDenied, FormRefused
from doorward.authserver.users.cookies import Browser as KnownBrowser
from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.steps import consent_page, is_consent
from tests.authserver.world import World


async def begin(world: World, browser: Browser) -> tuple[KnownBrowser, Transaction]:
    """Send the browser to the sign-in page; return it as the server knows it."""
    client = await world.register()
    page = await browser.open(world.authorize_url(client["client_id"]))
    handle = form_with(page.text, "password").fields["transaction"]
    known = as_the_server_knows(world, browser)
    return known, await world.server.services.transactions.find(handle, known)


def as_the_server_knows(world: World, browser: Browser) -> KnownBrowser:
    cookies, jar = world.server.services.cookies, browser.http.cookies
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


async def test_a_user_without_a_password_is_asked_for_consent_and_gets_a_code(world: World) -> None:
    user = await world.server.users.add("upstream", None, scopes=("mcp:read",))
    browser = world.browser()
    known, transaction = await begin(world, browser)

    response = await complete_sign_in(
        world.server.services, known, transaction, user, amr=["fed", "mfa"]
    )
    page = await follow(browser, response)
    answered = await browser.decide(page)

    assert response.status_code == 303
    assert is_consent(page)
    assert "code" in answer_in(answered.headers["location"])
    signed_in = next(event for event in world.events if event.kind == "sign-in.succeeded")
    assert signed_in.facts == {"user": user.id, "amr": "fed mfa"}


async def test_an_earlier_session_and_an_earlier_known_browser_are_replaced(world: World) -> None:
    browser = world.browser()
    await consent_page(world, browser, (await world.register())["client_id"])
    before = as_the_server_knows(world, browser)
    page = await browser.open(
        world.authorize_url((await world.register())["client_id"], prompt="login")
    )
    handle = form_with(page.text, "password").fields["transaction"]
    services = world.server.services
    transaction = await services.transactions.find(handle, before)
    alice = await world.server.users.by_name("alice")
    assert alice is not None

    response = await complete_sign_in(services, before, transaction, alice, amr=["fed"])
    await follow(browser, response)

    after = as_the_server_knows(world, browser)
    assert await services.sessions.user(before.session_id) is None
    assert await services.sessions.user(after.session_id) == alice
    assert not await services.known_browsers.knows(before.known_secret, "alice")
    assert await services.known_browsers.knows(after.known_secret, "alice")


async def test_a_disabled_user_is_not_signed_in(world: World) -> None:
    await world.server.users.disable("alice")
    alice = await world.server.users.by_name("alice")
    assert alice is not None
    known, transaction = await begin(world, world.browser())

    with pytest.raises(AccessDenied):
        await complete_sign_in(world.server.services, known, transaction, alice, amr=["fed"])

    found = await world.server.services.transactions.find(transaction.handle, known)
    assert found.user_id is None


async def test_another_browser_cannot_be_signed_in_for_the_transaction(world: World) -> None:
    alice = await world.server.users.by_name("alice")
    assert alice is not None
    _, transaction = await begin(world, world.browser())
    other, _ = await begin(world, world.browser())

    with pytest.raises(FormRefused):
        await complete_sign_in(world.server.services, other, transaction, alice, amr=["fed"])
