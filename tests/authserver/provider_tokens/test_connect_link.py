"""A user connects an account from a link, which counts for that user alone, and once."""

from typing import Any

import pytest

from doorward.authserver import Resource
from doorward.authserver.settings.admission import Allow
from tests.authserver.browser import Form, form_with
from tests.authserver.harness import PASSWORD, RESOURCE, SCOPES
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import StartVault, Vault, code_host
from tests.authserver.upstream.conftest import identity_provider
from tests.authserver.upstream.openid_provider import answered
from tests.ledger import proves


@proves("S209", "accepts", "token vault per user")
async def test_the_page_names_server_provider_and_scopes_and_then_the_tool_gets_the_token(
    vault: Vault,
) -> None:
    caller = await vault.caller()
    browser = await vault.signed_in()
    link = await vault.link(caller)

    page = await browser.open(link)
    done = await vault.connect(browser, link)

    for shown in ("Demo", "http://localhost:9000/mcp", "Code Host", "repo:read", "Alice"):
        assert shown in page.text, shown
    assert done.status_code == 200
    assert "Your account at Code Host is connected" in done.text
    assert owner_of((await vault.ask(caller)).access_token) == "octo"


async def test_the_way_to_the_provider_has_its_own_state_nonce_and_challenge(vault: Vault) -> None:
    await vault.connected()

    (sent,) = vault.code.authorizations
    assert sent["redirect_uri"] == "http://localhost:9000/callback/code"
    assert "repo:read" in sent["scope"].split()
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    assert sent["code_challenge_method"] == "S256"


async def test_who_is_not_signed_in_signs_in_first_and_comes_back_to_the_page(
    vault: Vault,
) -> None:
    link = await vault.link(await vault.caller())
    browser = vault.harness.browser()

    page = await browser.sign_in(await browser.open(link), "alice", PASSWORD)

    assert str(page.url) == link
    assert 'value="connect"' in page.text


async def test_a_wrong_password_at_the_link_is_asked_again_there(vault: Vault) -> None:
    link = await vault.link(await vault.caller())
    browser = vault.harness.browser()

    again = await browser.sign_in(await browser.open(link), "alice", "wrong")
    page = await browser.sign_in(again, "alice", PASSWORD)

    assert str(page.url) == link


@proves("S209", "refuses", "token vault per user")
async def test_another_user_who_opens_the_link_connects_nothing(vault: Vault) -> None:
    link = await vault.link(await vault.caller("alice"))
    await vault.harness.add_user("victim")
    victim = await vault.signed_in("victim")

    refused = await victim.open(link)

    assert refused.status_code == 403
    assert "connect-link-refused" in refused.text
    assert 'name="decision"' not in refused.text


@proves("S209", "refuses", "token vault per user")
async def test_another_user_who_signs_in_at_the_link_connects_nothing(vault: Vault) -> None:
    link = await vault.link(await vault.caller("alice"))
    await vault.harness.add_user("victim")
    browser = vault.harness.browser()

    refused = await browser.sign_in(await browser.open(link), "victim", PASSWORD)

    assert refused.status_code == 403
    assert "connect-link-refused" in refused.text


@proves("S209", "refuses", "token vault per user")
async def test_a_user_who_changes_before_the_callback_connects_nothing(vault: Vault) -> None:
    caller = await vault.caller("alice")
    await vault.harness.add_user("victim")
    browser = await vault.signed_in("alice")
    redirect = await vault.to_provider(browser, await vault.link(caller))
    # The same browser, so that the state is its own, with another person in front of it.
    await browser.submit(Form("/sign-out", "post"))
    await browser.sign_in(await browser.open(vault.harness.url("/account")), "victim", PASSWORD)

    refused = await browser.open(vault.code.callback(redirect.headers["location"]))

    assert refused.status_code == 403
    assert await vault.count("provider_connections") == 0


@proves("S209", "refuses", "token vault per user")
async def test_a_callback_that_is_sent_to_another_browser_connects_nothing(vault: Vault) -> None:
    caller = await vault.caller()
    mine, theirs = await vault.signed_in(), await vault.signed_in()
    redirect = await vault.to_provider(mine, await vault.link(caller))

    refused = await theirs.open(vault.code.callback(redirect.headers["location"]))

    assert refused.status_code == 403
    assert "form-refused" in refused.text
    assert await vault.count("provider_connections") == 0


@pytest.mark.parametrize("state", [None, "", "invented"])
async def test_a_callback_without_the_state_connects_nothing(
    vault: Vault, state: str | None
) -> None:
    browser = await vault.signed_in()
    redirect = await vault.to_provider(browser, await vault.link(await vault.caller()))

    refused = await browser.open(vault.code.callback(redirect.headers["location"], state=state))

    assert refused.status_code == 403
    assert await vault.count("provider_connections") == 0


async def test_an_answer_of_another_issuer_is_refused(vault: Vault) -> None:
    browser = await vault.signed_in()
    redirect = await vault.to_provider(browser, await vault.link(await vault.caller()))

    refused = await browser.open(
        vault.code.callback(redirect.headers["location"], iss="https://attacker.example")
    )

    assert refused.status_code == 502
    assert await vault.count("provider_connections") == 0


async def test_an_id_token_with_another_nonce_is_refused(vault: Vault) -> None:
    browser = await vault.signed_in()
    redirect = await vault.to_provider(browser, await vault.link(await vault.caller()))
    vault.code.changed["nonce"] = "of-another-sign-in"

    refused = await browser.open(vault.code.callback(redirect.headers["location"]))

    assert refused.status_code == 502
    assert await vault.count("provider_connections") == 0


@proves("S209", "refuses", "token vault per user")
async def test_of_two_callbacks_for_one_link_one_connects(vault: Vault) -> None:
    caller = await vault.caller()
    browser, link = await vault.signed_in(), await vault.link(caller)
    first = await vault.to_provider(browser, link)
    second = await vault.to_provider(browser, link)

    vault.code.user = {"sub": "first"}
    done = await browser.open(vault.code.callback(first.headers["location"]))
    vault.code.user = {"sub": "second"}
    refused = await browser.open(vault.code.callback(second.headers["location"]))

    assert done.status_code == 200
    assert refused.status_code == 403
    assert "connect-link-refused" in refused.text
    assert owner_of((await vault.ask(caller)).access_token) == "first"


async def test_a_second_look_at_the_page_is_valid_and_a_used_link_only_says_so(
    vault: Vault,
) -> None:
    browser, link = await vault.signed_in(), await vault.link(await vault.caller())
    first = await browser.open(link)
    second = await browser.open(link)
    await vault.connect(browser, link)

    again = await browser.open(link)

    assert first.status_code == second.status_code == 200
    assert 'name="decision"' in second.text
    assert 'name="decision"' not in again.text
    assert "is connected" in again.text


async def test_the_last_page_names_the_account_so_that_users_notice_one_of_somebody_else(
    vault: Vault,
) -> None:
    browser, link = await vault.signed_in(), await vault.link(await vault.caller())

    vault.code.changed["name"] = "mallory<b>\u202e"

    done = await vault.connect(browser, link)

    assert "mallory&lt;b&gt;" in done.text
    assert "http://localhost:9000/account" in done.text
    assert "<b>" not in done.text
    assert "\u202e" not in done.text


async def test_the_pages_cannot_be_framed_kept_or_named_to_other_sites(vault: Vault) -> None:
    browser, link = await vault.signed_in(), await vault.link(await vault.caller())

    page = await browser.open(link)
    redirect = await browser.submit(form_with(page.text, "decision"), decision="connect")

    for answer in (page, redirect):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    # The provider gets the state, and never the link.
    assert link.partition("link=")[2] not in redirect.headers["location"]


async def test_names_in_the_settings_are_text_on_the_page(start_vault: StartVault) -> None:
    resource = Resource(uri=RESOURCE, scopes=SCOPES, name="<i>Demo</i>")
    vault = await start_vault(code_host(title="<b>Host</b>"), resources=(resource,))

    page = await (await vault.signed_in()).open(await vault.link(await vault.caller()))

    assert "&lt;b&gt;Host&lt;/b&gt;" in page.text
    assert "<b>" not in page.text
    assert "<i>" not in page.text


async def test_the_callback_of_a_connection_signs_nobody_in_and_that_of_a_sign_in_connects_nothing(
    start_vault: StartVault,
) -> None:
    """One provider for both, and so one callback."""
    vault = await start_vault(
        code_host(connect_only=False, allow=Allow(everyone=True)), own_users=True
    )
    browser = await vault.signed_in("alice")
    await vault.connect(browser, await vault.link(await vault.caller()), "octo")
    still = await browser.open(vault.harness.url("/account"))
    other = vault.harness.browser()
    page = await other.open(vault.harness.url("/account"))
    redirect = await other.submit(form_with(page.text, "transaction"))
    await other.open(vault.code.callback(redirect.headers["location"]))

    assert "Alice" in still.text
    assert await vault.count("provider_sessions") == 1
    assert await vault.count("provider_connections") == 1


async def test_cancel_uses_the_link_up(vault: Vault) -> None:
    browser, link = await vault.signed_in(), await vault.link(await vault.caller())
    page = await browser.open(link)

    said_no = await browser.submit(form_with(page.text, "decision"), decision="cancel")
    again = await browser.open(link)

    assert "No account is connected" in said_no.text
    assert "No account is connected" in again.text
    assert vault.code.authorizations == []


async def test_a_form_from_another_site_is_refused(vault: Vault) -> None:
    browser, link = await vault.signed_in(), await vault.link(await vault.caller())
    form = form_with((await browser.open(link)).text, "decision")
    browser.http.headers["Sec-Fetch-Site"] = "cross-site"

    refused = await browser.submit(form, decision="connect")

    assert refused.status_code == 403
    assert "form-refused" in refused.text


async def test_the_form_of_one_link_does_not_confirm_another(vault: Vault) -> None:
    browser = await vault.signed_in()
    caller = await vault.caller()
    form = form_with((await browser.open(await vault.link(caller))).text, "decision")
    other = (await vault.link(caller)).partition("link=")[2]

    refused = await browser.submit(form, decision="connect", link=other)

    assert refused.status_code == 403


async def test_a_link_expires(vault: Vault, clock: Any) -> None:
    caller = await vault.caller()
    link = await vault.link(caller)
    clock.advance(1801)
    browser = await vault.signed_in()

    refused = await browser.open(link)

    assert refused.status_code == 403
    assert "connect-link-refused" in refused.text


async def test_a_user_has_at_most_twenty_links(vault: Vault) -> None:
    caller = await vault.caller()
    links = [await vault.link(caller) for _ in range(22)]
    browser = await vault.signed_in()

    assert await vault.count("connect_links") == 20
    assert (await browser.open(links[-1])).status_code == 200


async def test_who_cancels_at_the_provider_can_begin_again(vault: Vault) -> None:
    caller = await vault.caller()
    browser, link = await vault.signed_in(), await vault.link(caller)
    redirect = await vault.to_provider(browser, link)

    page = await browser.open(
        vault.code.callback(redirect.headers["location"], code=None, error="access_denied")
    )
    done = await vault.connect(browser, link)

    assert page.status_code == 403
    assert "did not sign you in" in page.text
    assert "is connected" in done.text


async def test_an_outage_at_the_callback_is_a_page_with_the_way_on(vault: Vault) -> None:
    caller = await vault.caller()
    browser, link = await vault.signed_in(), await vault.link(caller)
    redirect = await vault.to_provider(browser, link)
    vault.code.broken = answered({"error": "server_error"}, 500)

    page = await browser.open(vault.code.callback(redirect.headers["location"]))
    done = await vault.connect(browser, link)

    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert 'value="connect"' in page.text
    assert "is connected" in done.text


async def test_an_allow_rule_limits_which_accounts_can_be_connected(
    start_vault: StartVault,
) -> None:
    vault = await start_vault(code_host(allow=Allow(subjects={"work"})))
    caller = await vault.caller()
    browser = await vault.signed_in()

    refused = await vault.connect(browser, await vault.link(caller), "private")
    done = await vault.connect(browser, await vault.link(caller), "work")

    assert refused.status_code == 403
    assert "may not be connected here" in refused.text
    assert "is connected" in done.text


async def test_nobody_signs_in_at_a_provider_that_is_for_connections(vault: Vault) -> None:
    browser = vault.harness.browser()
    page = await browser.open(vault.harness.url("/account"))
    form = form_with(page.text, "transaction")
    form.action = "/sign-in/code"

    refused = await browser.submit(form)

    assert "Code Host" not in page.text
    assert refused.status_code == 403
    assert vault.code.authorizations == []


async def test_connecting_an_account_joins_no_accounts(start_vault: StartVault) -> None:
    # The provider signs people in too, so the connected account could be taken for a way in.
    code = code_host(connect_only=False, allow=Allow(everyone=True))
    vault = await start_vault(code, own_users=True)
    caller = await vault.caller("alice")
    await vault.connect(await vault.signed_in("alice"), await vault.link(caller), "octo")
    browser = vault.harness.browser()
    page = await browser.open(vault.harness.url("/account"))
    redirect = await browser.submit(form_with(page.text, "transaction"))

    account = await browser.open(vault.code.callback(redirect.headers["location"]))

    assert "octo of the code host" in account.text
    assert "Alice" not in account.text
    assert "Connected accounts" not in account.text


async def test_a_provider_for_connections_is_no_way_to_sign_in(start_vault: StartVault) -> None:
    vault = await start_vault(code_host(), identity_provider())
    browser = vault.harness.browser()

    page = await browser.open(vault.harness.url("/account"))

    assert "Example SSO" in page.text
    assert "Code Host" not in page.text


async def test_no_event_has_the_link(vault: Vault) -> None:
    link = await vault.link(await vault.caller())
    await vault.harness.add_user("victim")

    await (await vault.signed_in("victim")).open(link)

    assert "request.refused" in vault.harness.kinds()
    assert link.partition("link=")[2] not in repr(vault.harness.events)
