"""Users see their connected accounts on ``/account``, and end them there."""

from sqlalchemy import text

from tests.authserver.browser import form_with, forms_of
from tests.authserver.provider_tokens.conftest import Vault


async def revoked_at_provider(vault: Vault) -> list[str]:
    """Return the tokens that the provider was told to revoke."""
    await vault.harness.server.services.token_revocation.aclose()
    return [form["token"] for path, form in vault.code.requests if path == "/revoke"]


async def test_the_page_lists_connected_accounts(vault: Vault) -> None:
    await vault.connected()
    browser = await vault.signed_in()

    page = await browser.open(vault.harness.url("/account"))

    assert "Connected accounts" in page.text
    assert "octo of the code host" in page.text
    assert "Never used." in page.text


async def test_a_used_account_says_when(vault: Vault) -> None:
    await vault.ask(await vault.connected())
    browser = await vault.signed_in()

    page = await browser.open(vault.harness.url("/account"))

    assert "Last used" in page.text


async def test_disconnecting_ends_it_here_and_at_the_provider(vault: Vault) -> None:
    vault.code.metadata["revocation_endpoint"] = vault.code.base + "/revoke"
    caller = await vault.connected()
    browser = await vault.signed_in()
    page = await browser.open(vault.harness.url("/account"))

    done = await browser.submit(form_with(page.text, "connection"))

    assert "disconnected" in done.text
    assert "Connected accounts" not in done.text
    assert await vault.link(caller)
    (token,) = await revoked_at_provider(vault)
    assert token.startswith("refresh-of-octo")


async def test_nobody_disconnects_the_account_of_another_user(vault: Vault) -> None:
    await vault.harness.add_user("bob")
    caller = await vault.connected("alice")
    await vault.connected("bob", "hexa")
    async with vault.harness.server.services.store.reading() as connection:
        rows = await connection.execute(
            text(
                "SELECT c.id FROM provider_connections c JOIN users u ON u.id = c.user_id"
                " WHERE u.username = 'alice'"
            )
        )
        of_alice = str(rows.scalar_one())
    browser = await vault.signed_in("bob")
    page = await browser.open(vault.harness.url("/account"))

    await browser.submit(form_with(page.text, "connection"), connection=of_alice)

    assert (await vault.ask(caller)).access_token
    assert await vault.count("provider_connections") == 2


async def test_the_last_application_that_loses_access_takes_the_account_with_it(
    vault: Vault,
) -> None:
    vault.code.metadata["revocation_endpoint"] = vault.code.base + "/revoke"
    await vault.connected()
    await vault.caller()
    browser = await vault.signed_in()

    for left in (1, 0):
        page = await browser.open(vault.harness.url("/account"))
        form = next(one for one in forms_of(page.text) if "grant" in one.fields)
        await browser.submit(form)
        assert await vault.count("provider_connections") == left

    assert len(await revoked_at_provider(vault)) == 1


async def test_a_client_that_gives_its_last_token_back_ends_the_connection(vault: Vault) -> None:
    client = (await vault.harness.register())["client_id"]
    tokens = await vault.harness.tokens(client)
    await vault.connect(await vault.signed_in(), await vault.link(tokens.access))

    await vault.harness.http.post(
        vault.harness.url("/revoke"), data={"token": tokens.refresh, "client_id": client}
    )

    assert await vault.count("provider_connections") == 0
