"""What counts when the user's access to the server has ended, or somebody else acts for the user."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from doorward.authserver import ConfiguredClient, ExchangePolicy, Resource
from doorward.authserver.refusals import SubjectTokenRefused
from tests.authserver.browser import Browser, form_with
from tests.authserver.harness import RESOURCE, SCOPES, basic
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import StartVault, Vault, code_host
from tests.authserver.upstream.conftest import identity_provider
from tests.ledger import proves

OTHER = "http://localhost:9000/other"
SECRET = "a-secret-of-a-server-" + "s" * 40
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
# The servers of a chain: the first one acts for its callers at the second one.
CHAIN: dict[str, Any] = {
    "resources": (
        Resource(uri=RESOURCE, scopes=SCOPES, name="Demo"),
        Resource(uri=OTHER, scopes={"other:read": "See the other one"}),
    ),
    "clients": (
        ConfiguredClient(client_id="first", secret=SECRET, auth_method="client_secret_basic"),
    ),
    "exchanges": (
        ExchangePolicy(
            client_id="first",
            resource=RESOURCE,
            target=OTHER,
            scopes={"mcp:read": frozenset({"other:read"})},
        ),
    ),
}


async def exchanged(vault: Vault, caller: str) -> str:
    """Return the token with which the first server acts for the caller at the second."""
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": caller,
        "subject_token_type": ACCESS_TOKEN,
        "resource": OTHER,
    }
    got = await vault.harness.token(fields, headers=basic("first", SECRET))
    assert got.response.status_code == 200, got.response.text
    return got.access


async def end_access(browser: Browser, vault: Vault) -> None:
    """End the access of every application on ``/account``."""
    page = await browser.open(vault.harness.url("/account"))
    while 'name="grant"' in page.text:
        page = await browser.submit(form_with(page.text, "grant"))


@proves("S209", "refuses", "token vault per user")
async def test_a_server_that_acts_for_the_user_gets_no_account_of_the_user(
    start_vault: StartVault,
) -> None:
    vault = await start_vault(code_host(), **CHAIN)
    await vault.harness.add_user("alice", scopes=("mcp:read", "other:read"))
    caller = await vault.connected()
    acting = await exchanged(vault, caller)

    with pytest.raises(SubjectTokenRefused):
        await vault.ask(acting, resource=OTHER)

    assert owner_of((await vault.ask(caller)).access_token) == "octo"
    # Nor a link, which would connect one.
    assert await vault.count("connect_links") == 1


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize("step", ["open", "confirm", "come back"])
async def test_a_link_does_not_outlive_the_access_of_the_last_application(
    vault: Vault, step: str
) -> None:
    link, browser = await vault.link(await vault.caller()), await vault.signed_in()
    steps: dict[str, Callable[[], Awaitable[Any]]] = {"open": lambda: browser.open(link)}
    if step != "open":
        page = await browser.open(link)
        steps["confirm"] = lambda: browser.submit(
            form_with(page.text, "decision"), decision="connect"
        )
    if step == "come back":
        redirect = await steps["confirm"]()
        steps[step] = lambda: browser.open(vault.code.callback(redirect.headers["location"]))
    await end_access(browser, vault)

    refused = await steps[step]()

    assert refused.status_code == 403
    assert "connect-link-refused" in refused.text
    assert await vault.count("provider_connections") == 0


async def test_a_link_counts_while_another_application_has_access(vault: Vault) -> None:
    link, browser = await vault.link(await vault.caller()), await vault.signed_in()
    await vault.caller()
    page = await browser.open(vault.harness.url("/account"))
    await browser.submit(form_with(page.text, "grant"))

    done = await vault.connect(browser, link)

    assert "is connected" in done.text
    assert await vault.count("provider_connections") == 1


async def test_a_provider_for_connections_may_share_the_issuer_of_the_sign_in(
    start_vault: StartVault,
) -> None:
    """Nobody gets scopes or roles where nobody signs in, so nothing has to be the same."""
    strict = identity_provider(group_scopes={"staff": ("mcp:read",)})
    tools = identity_provider(name="tools", client_id="tools", connect_only=True, allow=())

    vault = await start_vault(strict, tools, own_users=True)

    assert await vault.link(await vault.caller(), "tools")
