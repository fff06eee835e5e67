"""A user pastes a key for the server behind a resource: it is this user's, and this server's."""

import re
from dataclasses import replace
from typing import Any

import pytest

from doorward.authserver import Resource
from doorward.authserver.refusals import InvalidTarget, SubjectTokenRefused
from doorward.authserver.settings.pasted_key import PASTED_KEY, PastedKey
from doorward.downstream.refusals import KeyNotPasted
from doorward.errors import ConfigurationError
from tests.authserver.browser import form_with
from tests.authserver.harness import RESOURCE, SCOPES
from tests.authserver.provider_tokens.conftest import StartVault, Vault
from tests.ledger import proves

KEY = "lin_api_" + "k3y" * 5
OTHER = "lin_api_" + "0th" * 5
PASTED = PastedKey(
    title="Linear", origin="https://mcp.linear.example", pattern="^lin_api_[a-z0-9]{15}$"
)
ELSEWHERE = "http://localhost:9000/other"
SECRET = "Zq3-pWm8sK41-ddLxv0-ynB62-tRc95-oo7"


def resources(*, pasted: PastedKey | None = PASTED) -> tuple[Resource, ...]:
    return (
        Resource(uri=RESOURCE, scopes=SCOPES, name="Demo", pasted_key=pasted),
        Resource(uri=ELSEWHERE, scopes=SCOPES, pasted_key=pasted),
    )


@pytest.fixture
async def vault(start_vault: StartVault) -> Vault:
    opened: Vault = await start_vault(resources=resources())
    return opened


async def paste(vault: Vault, caller: str, key: str = KEY, user: str = "alice") -> Any:
    """Paste a key at the link that a call of this caller gets, and return the last page."""
    browser = await vault.signed_in(user)
    page = await browser.open(await vault.link(caller, PASTED_KEY))
    return await browser.submit(form_with(page.text, "key"), decision="connect", key=key)


async def key_of(vault: Vault, caller: str, **changes: Any) -> str:
    return (await vault.ask(caller, PASTED_KEY, **changes)).access_token


@proves("S209", "accepts", "token vault per user")
async def test_a_key_that_a_user_pastes_is_sent_with_the_calls_of_this_user(vault: Vault) -> None:
    caller = await vault.caller()
    browser = await vault.signed_in()

    page = await browser.open(await vault.link(caller, PASTED_KEY))
    done = await browser.submit(form_with(page.text, "key"), decision="connect", key=f" {KEY} ")

    for shown in ("Linear", "https://mcp.linear.example", RESOURCE, "Alice"):
        assert shown in page.text, shown
    assert "<script" not in page.text
    assert "Your key is kept" in done.text
    assert KEY not in done.text
    assert await key_of(vault, caller) == KEY


@proves("S209", "refuses", "token vault per user")
async def test_no_other_user_and_no_other_server_gets_the_key(vault: Vault) -> None:
    caller = await vault.caller("alice")
    await paste(vault, caller)
    await vault.harness.add_user("bob")

    link = await vault.link(await vault.caller("bob"), PASTED_KEY)

    assert link.startswith(vault.harness.url("/connect?link="))
    with pytest.raises(SubjectTokenRefused):
        # The token of the caller is for the first server.
        await key_of(vault, caller, resource=ELSEWHERE)
    client = (await vault.harness.register())["client_id"]
    code = await vault.harness.code(client, resource=ELSEWHERE)
    fields = {**vault.harness.code_fields(client, code), "resource": ELSEWHERE}
    elsewhere = (await vault.harness.token(fields)).response.json()["access_token"]
    assert await vault.link(elsewhere, PASTED_KEY, resource=ELSEWHERE)


@proves("S209", "refuses", "token vault per user")
async def test_nobody_else_pastes_a_key_at_the_link_of_a_user(vault: Vault) -> None:
    link = await vault.link(await vault.caller("alice"), PASTED_KEY)
    await vault.harness.add_user("victim")

    refused = await (await vault.signed_in("victim")).open(link)

    assert refused.status_code == 403
    assert "connect-link-refused" in refused.text
    assert 'name="key"' not in refused.text


@proves("S31", "refuses", "no cross-site consent")
async def test_a_key_from_a_form_of_another_browser_is_refused(vault: Vault) -> None:
    caller = await vault.caller()
    link = await vault.link(caller, PASTED_KEY)
    attacker, victim = await vault.signed_in(), await vault.signed_in()
    form = form_with((await attacker.open(link)).text, "key")
    await victim.open(link)

    refused = await victim.submit(form, decision="connect", key=KEY)

    assert refused.status_code == 403
    assert await vault.count("provider_connections") == 0


async def test_a_link_is_used_once(vault: Vault) -> None:
    caller = await vault.caller()
    browser = await vault.signed_in()
    form = form_with((await browser.open(await vault.link(caller, PASTED_KEY))).text, "key")
    await browser.submit(form, decision="connect", key=KEY)

    again = await browser.submit(form, decision="connect", key=OTHER)

    assert again.status_code == 403
    assert await key_of(vault, caller) == KEY


async def test_cancel_stores_nothing_and_ends_the_link(vault: Vault) -> None:
    caller = await vault.caller()
    browser = await vault.signed_in()
    form = form_with((await browser.open(await vault.link(caller, PASTED_KEY))).text, "key")

    await browser.submit(form, decision="cancel", key=KEY)
    again = await browser.submit(form, decision="connect", key=KEY)

    assert again.status_code == 403
    assert await vault.count("provider_connections") == 0


@pytest.mark.parametrize(
    "key",
    ["", "lin_api_short", f"{KEY}x", f"{KEY} x", "x" * 2000, "ключ"],
)
async def test_what_is_no_key_is_asked_again_and_never_repeated(vault: Vault, key: str) -> None:
    page = await paste(vault, await vault.caller(), key)

    assert page.status_code == 400
    assert "This is not a key of the service" in page.text
    assert not key or key not in page.text
    assert await vault.count("provider_connections") == 0


async def test_the_key_is_in_no_event_and_not_in_the_database_as_text(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    caller = await vault.caller()
    await paste(vault, caller)
    await key_of(vault, caller)

    async with vault.harness.server.services.store.reading() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM provider_connections")).all()
    assert KEY not in repr(rows)
    assert KEY.encode() not in bytes(rows[0].sealed_tokens)
    assert KEY not in caplog.text
    assert KEY not in repr(vault.harness.events)


async def test_the_account_page_says_that_a_key_is_kept_and_replaces_and_removes_it(
    vault: Vault,
) -> None:
    caller = await vault.caller()
    browser = await vault.signed_in()
    account = vault.harness.url("/account")
    before = await browser.open(account)
    page = await browser.submit(form_with(before.text, "resource"))
    await browser.submit(form_with(page.text, "key"), decision="connect", key=KEY)
    kept = await browser.open(account)

    page = await browser.submit(form_with(kept.text, "resource"))
    await browser.submit(form_with(page.text, "key"), decision="connect", key=OTHER)
    replaced = await key_of(vault, caller)
    removed = await browser.submit(form_with((await browser.open(account)).text, "connection"))

    assert "No key is kept" in before.text
    assert "A key is kept since" in kept.text
    assert KEY not in kept.text
    assert replaced == OTHER
    assert "No key is kept" in removed.text
    assert await vault.link(caller, PASTED_KEY)
    assert await vault.count("ended_provider_tokens") == 0


async def test_a_key_for_a_server_that_needs_none_is_refused(vault: Vault) -> None:
    await vault.caller()
    browser = await vault.signed_in()
    page = await browser.open(vault.harness.url("/account"))
    form = form_with(page.text, "resource")

    refused = await browser.submit(form, resource="http://localhost:9000/unknown")

    assert refused.status_code == 403


@proves("S158", "refuses", "no credentials to other origins")
async def test_a_key_is_void_when_the_server_has_another_origin(
    start_vault: StartVault, database_url: str
) -> None:
    one = await start_vault(database_url=database_url, secret=SECRET, resources=resources())
    caller = await one.caller()
    await paste(one, caller)
    moved = replace(PASTED, origin="https://elsewhere.example")
    other = await start_vault(
        database_url=database_url, secret=SECRET, share=one, resources=resources(pasted=moved)
    )

    assert await other.link(caller, PASTED_KEY)
    assert await key_of(one, caller) == KEY


async def test_another_replica_has_the_key_and_no_longer_when_it_is_removed(
    start_vault: StartVault, database_url: str
) -> None:
    settings: dict[str, Any] = {"database_url": database_url, "secret": SECRET}
    one = await start_vault(**settings, resources=resources())
    other = await start_vault(**settings, share=one, resources=resources())
    caller = await one.caller()
    await paste(one, caller)
    there = await key_of(other, caller)
    browser = await other.signed_in()
    page = await browser.open(other.harness.url("/account"))
    await browser.submit(form_with(page.text, "connection"))

    assert there == KEY
    assert await one.link(caller, PASTED_KEY)


async def test_a_rotated_sealing_key_loses_no_pasted_key(vault: Vault) -> None:
    caller = await vault.caller()
    await paste(vault, caller)

    await vault.harness.server.services.sealing_keys.rotate()

    assert await key_of(vault, caller) == KEY


async def test_the_key_ends_with_the_last_access_to_the_server(vault: Vault) -> None:
    caller = await vault.caller()
    await paste(vault, caller)
    browser = await vault.signed_in()
    page = await browser.open(vault.harness.url("/account"))

    await browser.submit(form_with(page.text, "grant"))

    assert await vault.count("provider_connections") == 0
    with pytest.raises(SubjectTokenRefused):
        await key_of(vault, caller)


async def test_without_the_setting_no_caller_asks_for_a_key(start_vault: StartVault) -> None:
    plain = await start_vault()

    with pytest.raises(InvalidTarget):
        await key_of(plain, await plain.caller())


async def test_a_tool_in_this_process_gets_a_sentence_with_the_link(vault: Vault) -> None:
    server = vault.harness.server
    caller = await vault.caller()

    with pytest.raises(KeyNotPasted) as missing:
        await server.provider_tokens(RESOURCE)[PASTED_KEY].request_token(caller, frozenset())

    assert re.search(
        r"needs your key for Linear. Open \S+/connect\?link=", str(missing.value.description)
    )


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"title": " "}, "no-key-title"), ({"pattern": "lin_.*"}, "argument-schema")],
)
def test_a_setting_that_admits_too_much_is_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        replace(PASTED, **more)

    assert refused.value.reason == reason
