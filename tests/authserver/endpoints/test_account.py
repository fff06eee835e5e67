"""``/account``: what a user allowed, and its end."""

import pytest

from tests.authserver.browser import Browser, Form, form_with, forms_of
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import PASSWORD, VERIFIER, AuthServerHarness, Tokens, challenge_of
from tests.authserver.steps import is_sign_in


async def at_the_account(harness: AuthServerHarness, user: str = "alice") -> tuple[Browser, str]:
    """Sign in at the account page; return the browser and the page."""
    browser = harness.browser()
    page = await browser.open(harness.url("/account"))
    assert is_sign_in(page)
    page = await browser.sign_in(page, user, PASSWORD)
    assert str(page.url).endswith("/account")
    return browser, page.text


async def installed(harness: AuthServerHarness, client: str, number: int) -> Tokens:
    verifier = f"{number}-verifier-that-is-long-enough-to-be-one-of-them"
    code = await harness.code(client, code_challenge=challenge_of(verifier))
    return await harness.token(harness.code_fields(client, code, code_verifier=verifier))


def end_forms(page: str) -> list[Form]:
    return [form for form in forms_of(page) if form.action.endswith("/account/end")]


async def refreshed(harness: AuthServerHarness, client: str, tokens: Tokens) -> int:
    return (await harness.refresh(client, tokens.refresh)).response.status_code


async def test_the_page_shows_each_application_and_what_it_may_do(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = await harness.register(client_name="Tea <b>Room\u202e")
    await harness.tokens(client["client_id"], scope="mcp:read")
    clock.advance(60)

    _, page = await at_the_account(harness)

    for words in (
        "“Tea &lt;b&gt;Room”",
        client["client_id"],
        "See which tools there are",
        "mcp:read",
        "Since 15 January 2027, 08:00 UTC",
        "Last used 15 January 2027, 08:00 UTC",
        harness.resource,
        "Alice",
    ):
        assert words in page
    assert "mcp:tools" not in page
    assert len(end_forms(page)) == 1


async def test_without_grants_it_says_so(harness: AuthServerHarness) -> None:
    _, page = await at_the_account(harness)

    assert "No application has access" in page
    assert end_forms(page) == []


async def test_ending_one_installation_leaves_the_other_alone(
    start_authserver: StartAuthServer,
) -> None:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    harness = await start_authserver(fetcher=fetcher)
    held = [await installed(harness, URL, number) for number in range(2)]
    browser, page = await at_the_account(harness)
    one = end_forms(page)[0]

    after = await browser.submit(one)

    assert "Access is ended" in after.text
    assert len(end_forms(after.text)) == 1
    assert sorted([await refreshed(harness, URL, tokens) for tokens in held]) == [200, 400]
    # The form once more ends nothing else.
    await browser.submit(one)
    assert len(end_forms((await browser.open(harness.url("/account"))).text)) == 1


async def test_all_access_of_an_application_is_ended_at_once(
    start_authserver: StartAuthServer,
) -> None:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    harness = await start_authserver(fetcher=fetcher)
    other = (await harness.register())["client_id"]
    kept = await harness.tokens(other)
    held = [await installed(harness, URL, number) for number in range(2)]
    browser, page = await at_the_account(harness)

    await browser.submit(form_with(page, "client"))

    assert [await refreshed(harness, URL, tokens) for tokens in held] == [400, 400]
    assert await refreshed(harness, other, kept) == 200


@pytest.mark.parametrize("named", ["grant", "client"])
async def test_nobody_ends_what_somebody_else_allowed(
    harness: AuthServerHarness, named: str
) -> None:
    await harness.add_user("mallory")
    client = (await harness.register())["client_id"]
    held = await harness.tokens(client)
    _, page = await at_the_account(harness)
    target = {"grant": end_forms(page)[0].fields["grant"], "client": client}
    # Mallory has a genuine form, and writes another target into it.
    await harness.tokens(client, user="mallory", code_challenge=challenge_of(VERIFIER))
    browser, page = await at_the_account(harness, "mallory")
    form = end_forms(page)[0]
    form.fields.pop("grant")

    answer = await browser.submit(form, **{named: target[named]})

    assert answer.status_code == 200
    assert await refreshed(harness, client, held) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
async def test_no_other_site_ends_access(
    harness: AuthServerHarness, headers: dict[str, str]
) -> None:
    client = (await harness.register())["client_id"]
    held = await harness.tokens(client)
    browser, page = await at_the_account(harness)
    form = end_forms(page)[0]

    answer = await browser.http.post("/account/end", data=form.fields, headers=headers)

    assert answer.status_code == 403
    assert await refreshed(harness, client, held) == 200


@pytest.mark.parametrize("change", ["no-csrf", "other-browser", "signed-out", "neither", "both"])
async def test_a_form_that_is_not_of_this_browser_and_user_ends_nothing(
    harness: AuthServerHarness, change: str
) -> None:
    client = (await harness.register())["client_id"]
    held = await harness.tokens(client)
    browser, page = await at_the_account(harness)
    form = end_forms(page)[0]
    if change == "no-csrf":
        form.fields["csrf"] = ""
    elif change == "other-browser":
        browser, _ = await at_the_account(harness)
    elif change == "signed-out":
        await browser.http.post("/sign-out")
    elif change == "neither":
        del form.fields["grant"]
    else:
        form.fields["client"] = client

    answer = await browser.submit(form)

    assert answer.status_code == 403
    assert await refreshed(harness, client, held) == 200


async def test_guessing_passwords_at_the_account_counts_as_at_sign_in(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    page = await browser.open(harness.url("/account"))
    for _ in range(10):
        again = await browser.sign_in(page, "alice", "guess")
        assert "Wrong username or password" in again.text

    stopped = await browser.sign_in(page, "alice", PASSWORD)

    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert harness.server.services.cookies.session_name not in browser.http.cookies


async def test_a_session_of_a_sign_in_for_an_application_opens_the_account_too(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    browser = harness.browser()
    await harness.code(client, browser=browser)

    page = await browser.open(harness.url("/account"))

    assert "Applications with access" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_signing_out_on_the_page_ends_the_session(harness: AuthServerHarness) -> None:
    browser, page = await at_the_account(harness)
    form = next(form for form in forms_of(page) if form.action.endswith("/sign-out"))

    await browser.submit(form)

    assert is_sign_in(await browser.open(harness.url("/account")))
