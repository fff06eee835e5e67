"""Forms and cookies: a form is accepted once, from the browser that got it."""

import pytest

from tests.authserver.browser import answer_in, form_with
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.authserver.steps import consent_page, is_consent, is_sign_in
from tests.ledger import proves


@proves("S30", "refuses", "one browser per flow")
@proves("S31", "refuses", "no cross-site consent")
@pytest.mark.parametrize("field", ["password", "decision"])
async def test_a_form_of_another_browser_is_refused(harness: AuthServerHarness, field: str) -> None:
    client = await harness.register()
    attacker, victim = harness.browser(), harness.browser()
    # The victim is signed in; the attacker has a transaction of their own with a genuine token.
    await victim.go_through(harness.authorize_url(client["client_id"]), "alice", PASSWORD)
    page = await attacker.open(harness.authorize_url(client["client_id"]))
    if field == "decision":
        await harness.add_user("mallory")
        page = await attacker.sign_in(page, "mallory", PASSWORD)
    form = form_with(page.text, field)

    response = await victim.submit(form, username="mallory", password=PASSWORD, decision="allow")

    assert response.status_code == 403
    assert "form-refused" in response.text
    assert "location" not in response.headers


@proves("S30", "accepts", "one browser per flow")
@proves("S31", "accepts", "no cross-site consent")
async def test_the_browser_that_got_the_form_may_submit_it(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    browser = harness.browser()

    response = await browser.decide(await consent_page(harness, browser, client["client_id"]))

    assert "code" in answer_in(response.headers["location"])


@proves("S30", "refuses", "one browser per flow")
async def test_a_consent_page_opened_in_another_browser_shows_nothing(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])

    response = await harness.browser().open(str(page.url))

    assert response.status_code == 403


@proves("S31", "refuses", "no cross-site consent")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9001"},
    ],
)
async def test_a_form_sent_from_another_site_is_refused(
    harness: AuthServerHarness, headers: dict[str, str]
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])
    form = form_with(page.text, "decision")

    response = await browser.http.post(
        "/consent", data={**form.fields, "decision": "allow"}, headers=headers
    )

    assert response.status_code == 403


@proves("S31", "refuses", "no cross-site consent")
@pytest.mark.parametrize("field", ["csrf", "transaction"])
@pytest.mark.parametrize("value", ["", "x", "0" * 64])
async def test_a_form_without_its_tokens_is_refused(
    harness: AuthServerHarness, field: str, value: str
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])

    form = form_with(page.text, "decision")
    response = await browser.submit(form, decision="allow", **{field: value})

    assert response.status_code == 403


@proves("S32", "refuses", "no provider state before consent")
async def test_no_cookie_from_before_the_consent_replaces_it(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])
    before = dict(browser.http.cookies)

    # Everything that the browser holds now, and the request once more: it is asked again.
    other = harness.browser()
    other.http.cookies.update(before)
    again = await other.open(harness.authorize_url(client["client_id"]))

    assert is_consent(page)
    assert is_consent(again)
    assert {name.rpartition("-")[0] for name in before} == {
        "doorward-browser",
        "doorward-session",
        "doorward-known",
    }


@proves("S32", "accepts", "no provider state before consent")
async def test_approval_is_kept_here_and_sets_no_cookie(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])

    response = await browser.decide(page)

    assert "set-cookie" not in response.headers


@proves("S38", "refuses", "deny, and decide once")
@pytest.mark.parametrize("second", ["allow", "deny"])
async def test_a_submitted_consent_cannot_be_submitted_again(
    harness: AuthServerHarness, second: str
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])
    await browser.decide(page, "deny")

    response = await browser.decide(page, second)

    assert response.status_code == 403
    assert "location" not in response.headers


@proves("S38", "accepts", "deny, and decide once")
async def test_allow_is_accepted_once(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])

    first, second = await browser.decide(page), await browser.decide(page)

    assert "code" in answer_in(first.headers["location"])
    assert second.status_code == 403


async def test_a_transaction_expires_after_ten_minutes(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await consent_page(harness, browser, client["client_id"])
    clock.advance(600)

    assert (await browser.decide(page)).status_code == 403


@proves("S46", "refuses", "consent cookies are bounded")
async def test_cookies_do_not_grow_with_the_number_of_clients(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver()
    browser = harness.browser()
    for number in range(12):
        client = await harness.register(client_name=f"Client {number}")
        page = await browser.open(harness.authorize_url(client["client_id"]))
        if is_sign_in(page):
            page = await browser.sign_in(page, "alice", PASSWORD)
        await browser.decide(page, "allow" if number % 2 else "deny")

    assert len(browser.http.cookies) == 3
    assert sum(len(value) for value in browser.http.cookies.values()) < 200


@proves("S46", "accepts", "consent cookies are bounded")
async def test_the_browser_cookie_is_kept_from_one_request_to_the_next(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    browser = harness.browser()
    first = await browser.open(harness.authorize_url(client["client_id"]))

    second = await browser.open(harness.authorize_url(client["client_id"]))

    assert "set-cookie" in first.headers
    assert "set-cookie" not in second.headers


@proves("S31", "accepts", "no cross-site consent")
@pytest.mark.parametrize("origin", ["https://auth.example", "null"])
async def test_a_form_of_our_own_page_is_accepted(
    start_authserver: StartAuthServer, origin: str
) -> None:
    harness = await start_authserver(issuer="https://auth.example:443")
    client = await harness.register()
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(client["client_id"]))
    form = form_with(page.text, "password")

    response = await browser.http.post(
        "/sign-in",
        data={**form.fields, "username": "alice", "password": PASSWORD},
        headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
    )

    assert response.status_code == 303
