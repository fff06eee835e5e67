"""Attacks on accounts: another's account, a role that nobody gave, a provider that was disabled."""

from dataclasses import replace
from typing import Any

from doorward.authserver import Allow
from doorward.errors import ConfigurationError
from tests.attacks.attack import Defence, attack
from tests.attacks.victims import code_at
from tests.authserver.browser import Browser, answer_in, form_with, forms_of
from tests.authserver.harness import VERIFIER, AuthServerHarness, challenge_of, claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.ledger import proves

_CALLBACK = "doorward.authserver.upstream.callback_answer:read_callback"
_ID_TOKEN = "doorward.authserver.upstream.id_tokens.id_token"
_CLAIM = "doorward.authserver.upstream.logins:ProviderLogins.claim"


async def signed_in_as(bridge: Bridge, client: str, **account: Any) -> dict[str, Any]:
    """Sign in as this account of the provider, and return the claims of the access token."""
    bridge.provider.user = account
    answer = await bridge.sign_in(bridge.harness.browser(), client)
    code = answer_in(answer.headers["location"])["code"]
    return claims_of((await bridge.harness.token(bridge.harness.code_fields(client, code))).access)


@attack(
    "The attacker has an account at the provider with the address of the victim, and gets the victim's"
    " account here.",
    "CVE-2026-54039",
    Defence(
        "doorward.authserver.upstream.sessions.accounts:ProviderAccounts.update_user",
        {"provider_accounts.c.digest == digest": "provider_accounts.c.email == account.email"},
    ),
)
async def test_the_address_of_a_victim_is_not_the_account_of_the_victim(
    bridge: Bridge,
) -> str | None:
    client = (await bridge.harness.register())["client_id"]
    address = {"email": "jane@example.com", "email_verified": True}
    victim = await signed_in_as(bridge, client, sub="1", **address)

    # The victim's address has been given to somebody else, or has always been somebody's to write.
    attacker = await signed_in_as(bridge, client, sub="2", preferred_username="jane", **address)

    return attacker["sub"] if attacker["sub"] == victim["sub"] else None


@proves("S42", "refuses", "no account by e-mail address")
@attack(
    "The attacker writes the address of an admitted person into an account whose address nobody has"
    " verified.",
    "CVE-2026-54039",
    Defence(
        "doorward.authserver.upstream.id_tokens.account:_is_verified",
        {
            'return verified is True\n        case "true or text"': 'return True\n        case "true or text"'
        },
    ),
)
async def test_an_address_that_is_not_verified_admits_nobody(
    start_bridge: StartBridge,
) -> str | None:
    bridge = await start_bridge(identity_provider(allow=Allow(emails={"jane@example.com"})))
    bridge.provider.user |= {"email": "jane@example.com", "email_verified": "false"}
    client = (await bridge.harness.register())["client_id"]

    return code_at(await bridge.sign_in(bridge.harness.browser(), client), "127.0.0.1")


@proves("S204", "refuses", "admission by claims")
@attack(
    "Anybody with an account at the provider signs in, and uses every server behind it.",
    "GO-2026-5678",
    Defence(_CALLBACK, {"if unmet is not None:": "if False:"}),
)
async def test_an_account_that_no_rule_admits_gets_no_code(start_bridge: StartBridge) -> str | None:
    bridge = await start_bridge(identity_provider(allow=Allow(groups={"staff"})))
    client = (await bridge.harness.register())["client_id"]

    return code_at(await bridge.sign_in(bridge.harness.browser(), client), "127.0.0.1")


@proves("S28", "refuses", "no code before the second factor")
@attack(
    "The attacker knows a password, and gets a code in a session that never saw the second factor.",
    "better-auth#9198",
    Defence(_CALLBACK, {"if setting is not None:": "if False:"}),
    Defence(
        "doorward.authserver.upstream.sessions.sessions:ProviderSessions._read",
        {"provider.unmet_authentication(row.acr, row.amr or ()) is None": "True"},
    ),
)
async def test_a_password_alone_gets_no_code(start_bridge: StartBridge) -> str | None:
    bridge = await start_bridge(identity_provider(required_amr=("mfa",)))
    bridge.provider.changed["amr"] = ["pwd"]
    client = (await bridge.harness.register())["client_id"]

    return code_at(await bridge.sign_in(bridge.harness.browser(), client), "127.0.0.1")


@attack(
    "The attacker signs in where less is asked, at a second provider of the same issuer, and uses what"
    " the stricter one has given the account since.",
    "no account at two strengths, RFC 9470 §1",
    Defence(
        "doorward.authserver.settings.authorization_server:_same_issuer",
        {"one.requirements != other.requirements": "False"},
    ),
)
async def test_one_account_has_no_weaker_way_in(start_bridge: StartBridge) -> list[str]:
    strict = identity_provider(name="staff", required_amr=("mfa",))
    weak = identity_provider(name="guests", user_scopes=("mcp:read",))
    try:
        bridge = await start_bridge(strict, weak)
    except ConfigurationError as refused:
        if refused.reason == "provider-issuer-twice":
            return []
        raise
    harness, attacker, victim = bridge.harness, bridge.harness.browser(), bridge.harness.browser()
    client = (await harness.register())["client_id"]
    for browser, name, amr in ((attacker, "guests", ["pwd"]), (victim, "staff", ["mfa"])):
        bridge.provider.changed["amr"] = amr
        page = await browser.open(harness.authorize_url(client, scope="mcp:read"))
        button = next(one for one in forms_of(page.text) if one.action.endswith(name))
        redirect = await browser.decide(await browser.submit(button))
        await browser.open(bridge.provider.callback(redirect.headers["location"]))

    page = await attacker.open(
        harness.authorize_url(
            client, scope="mcp:tools", code_challenge=challenge_of(VERIFIER[::-1])
        )
    )
    answer = await attacker.decide(page)
    code = answer_in(answer.headers["location"])["code"]
    fields = harness.code_fields(client, code, code_verifier=VERIFIER[::-1])
    return list((await harness.token(fields)).body["scope"].split())


@proves("S203", "refuses", "callback per provider")
@attack(
    "The operator has disabled a provider; its users go on with their refresh tokens.",
    "CVE-2026-1486",
    Defence(
        "doorward.authserver.settings.authorization_server:AuthServerSettings.identity_provider",
        {" and not one.disabled": ""},
    ),
)
async def test_a_disabled_provider_admits_nobody_at_the_next_refresh(
    bridge: Bridge,
) -> object:
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    answer = await bridge.sign_in(harness.browser(), client)
    code = answer_in(answer.headers["location"])["code"]
    tokens = await harness.token(harness.code_fields(client, code))
    # The restart with the new setting, on the same database.
    disabled = replace(
        harness.server.services.settings, identity_providers=(identity_provider(disabled=True),)
    )
    harness.server.services.provider_sessions._settings = disabled

    return (await harness.refresh(client, tokens.refresh)).body.get("access_token")


async def _other_providers_page(bridge: Bridge, browser: Browser) -> str:
    """Begin a sign-in at the provider called sso, and return the callback's address."""
    client = (await bridge.harness.register())["client_id"]
    page = await browser.open(bridge.harness.authorize_url(client))
    asked = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(asked)
    return bridge.provider.callback(redirect.headers["location"])


@proves("S44", "refuses", "no code across providers")
@attack(
    "A malicious provider sends the code that an honest one issued to its own callback, and this server"
    " shows it to the malicious one (mix-up).",
    "RFC 9700 §4.4",
    Defence(
        _CLAIM,
        {
            "table.provider == provider,": "",
            "unseal(derive(state, _PURPOSE), row.sealed_leg, provider)": "unseal(derive(state, _PURPOSE),"
            ' row.sealed_leg, "sso")',
        },
    ),
)
async def test_a_code_of_one_provider_is_not_sent_to_another(start_bridge: StartBridge) -> int:
    bridge = await start_bridge(identity_provider(), identity_provider(name="other"))
    browser = bridge.harness.browser()
    callback = await _other_providers_page(bridge, browser)

    await browser.open(callback.replace("/callback/sso", "/callback/other"))

    return sum(path == "/token" for path, _ in bridge.provider.requests)


@proves("S40", "refuses", "ID token checks")
@attack(
    "The attacker puts a code that they have stolen at the provider into a sign-in of their own.",
    "RFC 9700 §4.5",
    Defence(
        f"{_ID_TOKEN}:nonce", {"    if not isinstance(got, str) or not": "    if False and not"}
    ),
)
async def test_a_code_of_another_sign_in_at_the_provider_admits_nobody(
    bridge: Bridge,
) -> str | None:
    bridge.provider.changed["nonce"] = "the-nonce-of-the-sign-in-that-the-code-is-from"
    client = (await bridge.harness.register())["client_id"]

    return code_at(await bridge.sign_in(bridge.harness.browser(), client), "127.0.0.1")


@proves("S39", "refuses", "provider state is used once")
@attack(
    "The attacker reads a callback in the browser's history, and opens it again.",
    "RFC 9700 §4.7",
    Defence(_CLAIM, {"table.claimed_at.is_(None),": ""}),
)
async def test_a_callback_is_used_once(bridge: Bridge) -> int:
    browser = bridge.harness.browser()
    client = (await bridge.harness.register())["client_id"]
    redirect = await bridge.to_provider(browser, client)
    callback = bridge.provider.callback(redirect.headers["location"])
    await browser.http.get(callback)
    asked = len(bridge.provider.requests)

    await browser.http.get(callback)

    return len(bridge.provider.requests) - asked


@attack(
    "The attacker reads the secret of a client that registered itself.",
    "CVE-2026-89298",
    none_needed="no endpoint reads a registration, and secrets are stored as hashes or not at all",
)
async def test_no_endpoint_shows_the_secret_of_a_client(harness: AuthServerHarness) -> list[str]:
    client = await harness.register(token_endpoint_auth_method="client_secret_basic")
    shown = []
    for url in (f"/register/{client['client_id']}", f"/register?client_id={client['client_id']}"):
        answer = await harness.http.get(harness.url(url))
        assert answer.status_code in (404, 405)
        shown += [url] if client["client_secret"] in answer.text else []
    return shown
