"""Attacks on the consent page: skip it, answer it for somebody else, or make it say nothing."""

import pytest

from doorward.authserver.pages import pages
from tests.attacks.attack import Defence, attack
from tests.attacks.victims import (
    EVIL,
    attackers_client,
    code_at,
    followed,
    link_to,
    signed_in_browser,
)
from tests.authserver.browser import answer_in, form_with
from tests.authserver.harness import AuthServerHarness
from tests.authserver.steps import OTHER_CHALLENGE
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.ledger import proves

_PROVIDER_SIGN_IN = "doorward.authserver.endpoints.browser.provider_sign_in:ProviderSignInEndpoint"
_BROWSER = Defence(
    "doorward.authserver.users.cookies:Browser.digest",
    {"hash_secret(self.binding)": 'hash_secret("everybody")'},
)


@proves("S29", "refuses", "consent before anything is issued")
@attack(
    "The attacker registers a client. The provider remembers that the user once agreed to this"
    " server, signs the user in without a page, and the code goes to the attacker.",
    "fastmcp#2056, cloudflare/ai#51",
    Defence(
        f"{_PROVIDER_SIGN_IN}.post",
        {
            'if decision is None or (decision == "allow" and not unchanged):': "if not (decision :="
            ' "allow"):'
        },
    ),
)
async def test_a_new_client_gets_no_code_through_a_provider_that_remembers_the_user(
    start_bridge: StartBridge,
) -> str | None:
    bridge = await start_bridge(identity_provider(), own_users=True)
    victim = bridge.harness.browser()
    client = await attackers_client(bridge.harness)

    page = await victim.open(link_to(bridge.harness, client))
    answer = await victim.submit(form_with(page.text, "transaction"))

    return code_at(await followed(bridge, victim, answer))


@attack(
    "The attacker consents in a browser of their own, and sends the captured URL of the provider to a"
    " victim, who comes back signed in.",
    "CVE-2026-27124, fastmcp#3201",
    _BROWSER,
)
async def test_consent_in_the_attackers_browser_does_not_count_in_the_victims(
    bridge: Bridge,
) -> str | None:
    attacker, victim = bridge.harness.browser(), bridge.harness.browser()
    client = await attackers_client(bridge.harness)
    captured = await bridge.to_provider(attacker, client, redirect_uri=EVIL, scope="mcp:read")

    return code_at(await followed(bridge, victim, captured))


@attack(
    "A malicious MCP server sends the victim's client through this server, with the client's own ID."
    " The victim has allowed that client before, so nothing is asked.",
    "GHSA-6x8h-498w-gv8c",
    Defence(
        "doorward.authserver.authorize.consent:consent_page",
        {
            "    page = pages.ConsentPage(": "    if remembered:\n        return await"
            " complete_authorization(services, authorization, client, user,"
            " (transaction, browser), authentication=Authentication(time=None))\n    page = pages.ConsentPage("
        },
    ),
)
async def test_a_consent_from_before_needs_a_click(harness: AuthServerHarness) -> str | None:
    client = (await harness.register())["client_id"]
    victim = await signed_in_browser(harness, client)

    page = await victim.open(harness.authorize_url(client, code_challenge=OTHER_CHALLENGE))

    return code_at(page, "127.0.0.1")


@attack(
    "The attacker sends a link, and the server answers it with a code for whoever is signed in.",
    "CVE-2026-101062, OpenPass#21",
    Defence(
        "doorward.authserver.authorize.endpoint:AuthorizeEndpoint._ask",
        {
            "return await consent_page(services, transaction, client, user, browser)": "return await"
            " complete_authorization(services, authorization, client, user,"
            " (transaction, browser), authentication=Authentication(time=None))"
        },
    ),
)
async def test_a_link_gives_no_code_without_a_click(harness: AuthServerHarness) -> str | None:
    victim = await signed_in_browser(harness, (await harness.register())["client_id"])

    return code_at(await victim.open(link_to(harness, await attackers_client(harness))))


@attack(
    "The consent page names neither the client nor where the code goes, so the victim agrees to a"
    " client of the attacker's.",
    "anythingmcp#417",
    Defence(
        "doorward.authserver.authorize.response:client_card",
        {
            "name=client.metadata.client_name,": 'name="",',
            "redirect_uri=redirect_uri,": 'redirect_uri="https://",',
            'redirect_host=host or "",': 'redirect_host="",',
        },
    ),
)
async def test_the_page_names_the_client_and_where_the_code_goes(bridge: Bridge) -> str | None:
    client = await attackers_client(bridge.harness)

    page = await bridge.harness.browser().open(link_to(bridge.harness, client))

    assert client in page.text
    return None if "evil.example" in page.text and "Calendar" in page.text else page.text


@proves("S35", "refuses", "hostile text on pages")
@attack(
    "The attacker registers a client whose name is a script, which runs on the consent page or on the"
    " page that offers several providers.",
    "CVE-2026-32112",
    Defence(
        "doorward.authserver.pages.pages:_environment", {"autoescape=True": "autoescape=False"}
    ),
)
async def test_a_script_in_the_name_of_a_client_is_text(
    start_bridge: StartBridge, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setattr(pages, "_ENVIRONMENT", pages._environment())
    bridge = await start_bridge(identity_provider(), own_users=True)
    script = "<script>alert(1)</script>"
    client = await attackers_client(bridge.harness, client_name=script)
    victim = bridge.harness.browser()

    chooser = await victim.open(link_to(bridge.harness, client))
    consent = await victim.submit(form_with(chooser.text, "transaction"))

    return [page.text for page in (chooser, consent) if script in page.text]


@attack(
    "The attacker signs in as themselves, and sends the callback with their own code to a victim, who"
    " is then signed in as the attacker and connects accounts to theirs.",
    "CVE-2026-81888",
    _BROWSER,
)
async def test_a_victim_is_not_signed_in_as_the_attacker(bridge: Bridge) -> str | None:
    attacker, victim = bridge.harness.browser(), bridge.harness.browser()
    client = (await bridge.harness.register())["client_id"]
    leg = await bridge.to_provider(attacker, client)
    callback = bridge.provider.callback(leg.headers["location"])
    # Without the state, and with an empty one: neither finds the sign-in of the victim.
    await bridge.to_provider(victim, client)
    for state in ("", answer_in(callback)["state"]):
        await victim.open(callback.replace(answer_in(callback)["state"], state))

    return victim.http.cookies.get(bridge.harness.server.services.cookies.session_name)
