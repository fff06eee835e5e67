"""The user can leave out scopes on the consent page."""

import pytest

from tests.authserver.browser import answer_in, form_with
from tests.authserver.harness import AuthServerHarness
from tests.authserver.steps import OTHER_CHALLENGE, consent_page, is_consent, is_remembered
from tests.ledger import proves


async def granted(harness: AuthServerHarness, client: str, location: str) -> str:
    code = answer_in(location)["code"]
    tokens = await harness.token(harness.code_fields(client, code))
    return str(tokens.body["scope"])


@proves("S33", "accepts", "consent is remembered narrowly")
async def test_the_token_has_only_what_was_left_in(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    browser = harness.browser()
    form = form_with((await consent_page(harness, browser, client)).text, "decision")
    form.fields.pop("scope.mcp:tools")

    answer = await browser.submit(form, decision="allow")

    assert await granted(harness, client, answer.headers["location"]) == "mcp:read"


@proves("S33", "refuses", "consent is remembered narrowly")
async def test_what_was_left_out_is_new_the_next_time(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    browser = harness.browser()
    await browser.decide(await consent_page(harness, browser, client))
    url = harness.authorize_url(client, code_challenge=OTHER_CHALLENGE)
    page = await browser.open(url)
    assert is_remembered(page)
    form = form_with(page.text, "decision")
    form.fields.pop("scope.mcp:tools")
    await browser.submit(form, decision="allow")

    fresh = {"code_challenge": "y" * 43}
    again = await browser.open(harness.authorize_url(client, **fresh))
    less = await browser.open(harness.authorize_url(client, scope="mcp:read", **fresh))

    assert is_consent(again)
    assert not is_remembered(again)
    assert is_remembered(less)


async def test_leaving_out_everything_asks_again(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    browser = harness.browser()
    form = form_with((await consent_page(harness, browser, client)).text, "decision")
    both = {name: form.fields.pop(name) for name in ("scope.mcp:tools", "scope.mcp:read")}

    again = await browser.submit(form, decision="allow")

    assert is_consent(again)
    assert "Leave at least one permission in" in again.text
    form = form_with(again.text, "decision")
    assert both.items() <= form.fields.items()
    assert "code" in answer_in((await browser.submit(form, decision="allow")).headers["location"])


@pytest.mark.parametrize("more", ["mcp:admin", "unknown", ""])
async def test_no_form_adds_what_the_page_did_not_show(
    harness: AuthServerHarness, more: str
) -> None:
    client = (await harness.register())["client_id"]
    browser = harness.browser()
    form = form_with((await consent_page(harness, browser, client)).text, "decision")

    answer = await browser.submit(form, decision="allow", **{f"scope.{more}": "1"})

    assert await granted(harness, client, answer.headers["location"]) == "mcp:read mcp:tools"


async def test_one_scope_has_no_checkbox(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    page = await consent_page(harness, harness.browser(), client, scope="mcp:read")

    assert 'type="checkbox"' not in page.text
