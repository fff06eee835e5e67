"""Attacks on connected accounts: another's link, another's server, and access that has ended."""

from doorward.authserver import ConfiguredClient, Resource
from doorward.authserver.refusals import OAuthRefused
from tests.attacks.attack import Defence, attack
from tests.authserver.browser import answer_in, form_with
from tests.authserver.harness import RESOURCE, SCOPES, basic
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import StartVault, Vault, code_host
from tests.authserver.provider_tokens.test_ended_access import (
    ACCESS_TOKEN,
    CHAIN,
    OTHER,
    SECRET,
    end_access,
    exchanged,
)
from tests.authserver.upstream.conftest import Bridge, identity_provider
from tests.ledger import proves

_LINKS = "doorward.authserver.provider_tokens.links"
_FIND = "doorward.authserver.provider_tokens.lookup:ProviderTokenLookup.find"


async def token_of_the_victim(vault: Vault) -> str:
    """Return the access token of a user who signed in at the provider called sso."""
    bridge = Bridge(vault.harness, vault.sign_in)
    client = (await bridge.harness.register())["client_id"]
    back = await bridge.sign_in(bridge.harness.browser(), client, scope="mcp:read")
    code = answer_in(back.headers["location"])["code"]
    return (await bridge.harness.token(bridge.harness.code_fields(client, code))).access


@proves("S209", "refuses", "token vault per user")
@attack(
    "The attacker calls a tool, and sends the link to a victim. The victim connects an account, which"
    " the attacker's tools then use.",
    'MCP 2026-07-28, client/elicitation, "Phishing"',
    Defence(
        "doorward.authserver.endpoints.browser.connect:ConnectEndpoint._user_of",
        {"session.user.id != link.user_id": "False"},
    ),
    Defence(f"{_LINKS}:ConnectLinks.claim", {"table.user_id == user_id,": ""}),
)
async def test_a_link_that_was_sent_to_a_victim_connects_nothing(vault: Vault) -> str | None:
    await vault.harness.add_user("mallory")
    attacker = await vault.caller("mallory")
    link, victim = await vault.link(attacker), await vault.signed_in("alice")
    page = await victim.open(link)
    if 'name="decision"' not in page.text:
        return None
    await vault.connect(victim, link, "victim")

    return owner_of((await vault.ask(attacker)).access_token)


@proves("S209", "refuses", "token vault per user")
@attack(
    "The attacker runs a server, and exchanges the token that a victim sent to another server for the"
    " victim's token at the identity provider.",
    "RFC 8693 §5, RFC 9700 §4.9",
    Defence(_FIND, {'claims.get("aud") != asked.resource': "False"}),
)
async def test_a_token_for_one_server_gets_no_account_for_another(
    start_vault: StartVault,
) -> object:
    server = ConfiguredClient(
        client_id="other-server",
        secret=SECRET,
        auth_method="client_secret_basic",
        introspects=OTHER,
        provider_tokens=("sso",),
    )
    vault = await start_vault(
        identity_provider(),
        resources=(Resource(uri=RESOURCE, scopes=SCOPES), Resource(uri=OTHER, scopes=SCOPES)),
        clients=(server,),
    )
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": await token_of_the_victim(vault),
        "subject_token_type": ACCESS_TOKEN,
        "audience": "sso",
    }

    got = await vault.harness.token(fields, headers=basic("other-server", SECRET))
    return got.body.get("access_token")


@proves("S209", "refuses", "token vault per user")
@attack(
    "The attacker runs a server that others call on behalf of their users, and gets the accounts of"
    " people who never allowed it anything.",
    "RFC 8693 §5",
    Defence(_FIND, {'"act" in claims': "False"}),
)
async def test_a_server_at_the_end_of_a_chain_gets_no_account(
    start_vault: StartVault,
) -> str | None:
    vault: Vault = await start_vault(identity_provider(), **CHAIN)
    acting = await exchanged(vault, await token_of_the_victim(vault))
    try:
        return (await vault.ask(acting, "sso", resource=OTHER)).access_token
    except OAuthRefused:
        return None


@proves("S209", "refuses", "token vault per user")
@attack(
    "The victim has ended all access, and an open page still connects the account.",
    "a link that outlives the access, RFC 7009 §1",
    Defence(f"{_LINKS}:_is_valid", {"has_active_grant(table.user_id, table.resource, now),": ""}),
)
async def test_an_open_page_connects_nothing_after_the_access_has_ended(vault: Vault) -> int:
    link, browser = await vault.link(await vault.caller()), await vault.signed_in()
    redirect = await vault.to_provider(browser, link)
    await end_access(browser, vault)

    await browser.open(vault.code.callback(redirect.headers["location"]))

    return await vault.count("provider_connections")


@proves("S203", "refuses", "callback per provider")
@attack(
    "The attacker has any account at a provider that is only for connections, and signs in with it.",
    "GO-2026-5678",
    Defence(
        "doorward.authserver.endpoints.browser.provider_sign_in:ProviderSignInEndpoint._require_sign_in",
        {"not provider.provider.signs_in": "False"},
    ),
    Defence(
        "doorward.authserver.upstream.sessions.sessions:ProviderSessions._read",
        {"and not provider.connect_only": ""},
    ),
)
async def test_an_account_at_a_provider_for_connections_signs_nobody_in(
    start_vault: StartVault,
) -> bool:
    vault = await start_vault(identity_provider(), code_host())
    browser = vault.harness.browser()
    form = form_with((await browser.open(vault.harness.url("/account"))).text, "transaction")
    form.action = "/sign-in/code"
    vault.code.user = {"sub": "mallory", "name": "Mallory of the code host"}
    redirect = await browser.submit(form)
    if not redirect.is_redirect:
        return False

    page = await browser.open(vault.code.callback(redirect.headers["location"]))
    return "Mallory of the code host" in page.text
