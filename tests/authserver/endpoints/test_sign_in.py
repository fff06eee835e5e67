"""Signing in and out: sessions, passwords, prompts."""

import pytest

from tests.authserver.browser import answer_in, form_with, forms_of
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.authserver.steps import OTHER_CHALLENGE, consent_page, is_consent, is_sign_in
from tests.ledger import proves


@proves("S45", "refuses", "session cookies")
async def test_a_sign_in_replaces_the_session_id(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    browser = harness.browser()
    name = harness.server.services.cookies.session_name
    await consent_page(harness, browser, client["client_id"])
    first = browser.http.cookies[name]

    await consent_page(harness, browser, client["client_id"], prompt="login")

    assert browser.http.cookies[name] != first
    assert await harness.server.services.sessions.user(first) is None


@proves("S45", "refuses", "session cookies")
async def test_a_planted_session_id_is_not_adopted(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    name = harness.server.services.cookies.session_name
    browser.http.cookies.set(name, "planted", domain="localhost", path="/")

    await consent_page(harness, browser, client["client_id"])

    assert await harness.server.services.sessions.user("planted") is None


@proves("S45", "refuses", "session cookies")
async def test_signing_out_ends_the_session_on_the_server(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    await consent_page(harness, browser, client["client_id"])
    copy = dict(browser.http.cookies)

    page = await browser.http.post("/sign-out")

    assert "Signed out" in page.text
    thief = harness.browser()
    thief.http.cookies.update(copy)
    assert is_sign_in(await thief.open(harness.authorize_url(client["client_id"])))


@proves("S45", "accepts", "session cookies")
async def test_cookies_over_https_are_host_only(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(issuer="https://auth.example")
    client = await harness.register()
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(client["client_id"]))
    form = form_with(page.text, "password")

    signed_in = await browser.http.post(
        "/sign-in", data={**form.fields, "username": "alice", "password": PASSWORD}
    )

    for response in (page, signed_in):
        for cookie in response.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-doorward-")
            attributes = cookie.lower()
            for needed in ("secure", "httponly", "samesite=lax", "path=/"):
                assert needed in attributes
            assert "domain" not in attributes


@proves("S45", "accepts", "session cookies")
async def test_a_session_expires_when_idle_and_when_old(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register()
    browser = harness.browser()
    await browser.go_through(harness.authorize_url(client["client_id"]), "alice", PASSWORD)
    url = harness.authorize_url(client["client_id"], prompt="consent")

    clock.advance(7000)
    assert is_consent(await browser.open(url))
    clock.advance(7201)
    assert is_sign_in(await browser.open(url))


@proves("S47", "refuses", "no open redirect at sign-in")
@pytest.mark.parametrize(
    "parameters", ["return_to", "post_logout_redirect_uri", "next", "redirect_uri"]
)
async def test_sign_out_does_not_redirect(harness: AuthServerHarness, parameters: str) -> None:
    response = await harness.http.post(f"/sign-out?{parameters}=https://evil.example/")

    assert response.status_code == 200
    assert "location" not in response.headers
    assert "evil.example" not in response.text


@proves("S47", "refuses", "no open redirect at sign-in")
async def test_sign_in_does_not_redirect_elsewhere(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(client["client_id"]))
    form = form_with(page.text, "password")

    response = await browser.http.post(
        "/sign-in",
        data={
            **form.fields,
            "username": "alice",
            "password": PASSWORD,
            "return_to": "https://evil.example/",
        },
    )

    assert response.headers["location"].startswith(harness.issuer + "/consent?transaction=")


@proves("S47", "accepts", "no open redirect at sign-in")
async def test_signing_out_shows_that_it_worked(harness: AuthServerHarness) -> None:
    assert "Signed out" in (await harness.http.post("/sign-out")).text


async def test_a_wrong_password_and_an_unknown_username_look_alike(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    texts = []
    for name, password in (("alice", "wrong"), ("nobody", PASSWORD), ("", "")):
        browser = harness.browser()
        page = await browser.open(harness.authorize_url(client["client_id"]))
        again = await browser.sign_in(page, name, password)
        assert is_sign_in(again)
        assert harness.server.services.cookies.session_name not in browser.http.cookies
        texts.append("Wrong username or password" in again.text)

    assert texts == [True, True, True]


async def test_a_disabled_user_cannot_sign_in(harness: AuthServerHarness) -> None:
    client = await harness.register()
    await harness.server.users.disable("alice")
    browser = harness.browser()

    page = await browser.open(harness.authorize_url(client["client_id"]))

    assert is_sign_in(await browser.sign_in(page, "alice", PASSWORD))


async def test_password_guesses_are_limited_to_ten(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(client["client_id"]))
    for _ in range(10):
        assert (await browser.sign_in(page, "ALICE ", "guess")).status_code == 200

    stopped = await browser.sign_in(page, "alice", PASSWORD)
    assert stopped.status_code == 429
    clock.advance(301)
    assert is_consent(await browser.sign_in(page, "alice", PASSWORD))


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_a_client_may_ask_for_a_fresh_sign_in(
    harness: AuthServerHarness, prompt: str
) -> None:
    browser = harness.browser()
    client = await harness.register()
    await browser.go_through(harness.authorize_url(client["client_id"]), "alice", PASSWORD)
    url = harness.authorize_url(client["client_id"], prompt=prompt, code_challenge=OTHER_CHALLENGE)

    page = await browser.open(url)

    assert is_sign_in(page)
    # The session of before does not answer a question that was asked of the keyboard.
    handle = form_with(page.text, "password").fields["transaction"]
    assert is_sign_in(await browser.open(f"/consent?transaction={handle}"))


@proves("S22", "refuses", "response modes and prompt=none")
async def test_prompt_none_without_consent_is_consent_required(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    first, second = await harness.register(), await harness.register()
    await browser.go_through(harness.authorize_url(first["client_id"]), "alice", PASSWORD)

    response = await browser.open(harness.authorize_url(second["client_id"], prompt="none"))

    assert answer_in(response.headers["location"])["error"] == "consent_required"


@proves("S201", "refuses", "no silent cross-site consent")
async def test_prompt_none_gets_no_code_even_with_session_and_consent(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    client = await harness.register()
    await browser.go_through(harness.authorize_url(client["client_id"]), "alice", PASSWORD)

    response = await browser.open(
        harness.authorize_url(client["client_id"], prompt="none", code_challenge=OTHER_CHALLENGE)
    )

    assert answer_in(response.headers["location"])["error"] == "consent_required"


async def test_another_account_can_be_chosen_on_the_consent_page(
    harness: AuthServerHarness,
) -> None:
    await harness.add_user("bob")
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])
    switch = next(form for form in forms_of(page.text) if form.action.endswith("/switch-account"))

    page = await browser.submit(switch)
    assert is_sign_in(page)
    consent = await browser.sign_in(page, "bob", PASSWORD)

    assert "Bob" in consent.text
    assert "code" in answer_in((await browser.decide(consent)).headers["location"])


async def test_an_unknown_username_is_not_logged(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(client["client_id"]))

    await browser.sign_in(page, "hunter2-typed-in-the-wrong-field", "x")

    failed = [event for event in harness.events if event.kind == "sign-in.failed"]
    assert [event.facts["user"] for event in failed] == ["unknown"]
    assert "hunter2" not in repr(harness.events)
