"""Attacks from another site or another host, in the browser of a victim who is signed in."""

from typing import Any

import httpx2
import pytest

from doorward.authserver.endpoints.browser.consent import ConsentEndpoint
from doorward.authserver.settings.lifetimes import Limits
from tests.attacks.attack import Defence, attack
from tests.attacks.victims import (
    EVIL,
    attackers_client,
    code_at,
    link_to,
    signed_in_browser,
)
from tests.authserver.browser import Browser, Form, form_with
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.authserver.steps import OTHER_CHALLENGE, consent_page, is_consent
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.openid_provider import foreign_key
from tests.authserver.upstream.test_backchannel_logout import JANE, logout_token, send, sign_in
from tests.ledger import proves

_COOKIES = "doorward.authserver.users.cookies"
_OWN_FORM = f"{_COOKIES}:Cookies.require_own_form"
_CROSS_SITE = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


async def sent_from_another_site(browser: Browser, form: Form, **values: str) -> httpx2.Response:
    """Submit a form as a page of the attacker does, with all cookies of the victim."""
    data = {**form.fields, **values}
    return await browser.http.post(form.action, data=data, headers=_CROSS_SITE)


@proves("S31", "refuses", "no cross-site consent")
@attack(
    "The attacker takes the consent form of their own transaction, and lets a victim's browser submit"
    " it from the attacker's page.",
    "fastmcp#3519",
    Defence(
        _OWN_FORM,
        {
            'site not in _OUR_FETCH_SITES or origin not in (self._issuer_origin, "null")': "False",
            "browser.is_new or not compare_digest(expected.encode(), brought.encode())": "False",
        },
    ),
    Defence(
        f"{_COOKIES}:Browser.digest", {"hash_secret(self.binding)": 'hash_secret("everybody")'}
    ),
    Defence(
        "doorward.authserver.endpoints.browser.consent:ConsentEndpoint.post",
        {"if not compare_digest(": "if False and compare_digest("},
    ),
    Defence(
        "doorward.authserver.endpoints.browser.consent:ConsentEndpoint._signed_in",
        {" and session.user.id == transaction.user_id": ""},
    ),
    Defence(
        "doorward.authserver.grants.transactions:_CLAIM",
        {"transactions.c.user_id == _USER,": "transactions.c.user_id.is_not(None),"},
    ),
)
async def test_consent_is_not_given_from_another_site(harness: AuthServerHarness) -> str | None:
    victim = await signed_in_browser(harness, (await harness.register())["client_id"])
    attacker = await signed_in_browser(harness, (await harness.register())["client_id"])
    page = await attacker.open(link_to(harness, await attackers_client(harness)))

    answer = await sent_from_another_site(
        victim, form_with(page.text, "decision"), decision="allow"
    )

    return code_at(answer)


@attack(
    "A page of the attacker ends the access of a victim's applications, or signs the victim in to the"
    " account page as the attacker.",
    "CSRF on /account",
    Defence(
        _OWN_FORM,
        {
            'site not in _OUR_FETCH_SITES or origin not in (self._issuer_origin, "null")': "False",
            "browser.is_new or not compare_digest(expected.encode(), brought.encode())": "False",
        },
    ),
)
async def test_no_other_site_ends_the_access_of_an_application(
    harness: AuthServerHarness,
) -> bool:
    client = (await harness.register())["client_id"]
    victim = await signed_in_browser(harness, client)
    forged = Form(harness.url("/account/end"), "post", {"csrf": "x" * 43, "client": client})

    answer = await sent_from_another_site(victim, forged)

    return answer.status_code == 303


@proves("S36", "refuses", "pages cannot be framed")
@attack(
    "The attacker shows the account page or the consent page in an invisible frame under a game.",
    "clickjacking",
    Defence(
        "doorward.authserver.http.responses:page_response",
        {"in pages.SECURITY_HEADERS": "in ()"},
    ),
)
async def test_no_page_is_shown_in_a_frame(harness: AuthServerHarness) -> list[str]:
    client = (await harness.register())["client_id"]
    victim = await signed_in_browser(harness, client)
    pages = {
        "account": await victim.open(harness.url("/account")),
        "consent": await victim.open(link_to(harness, await attackers_client(harness))),
    }
    return [
        name
        for name, page in pages.items()
        if "frame-ancestors 'none'" not in page.headers.get("content-security-policy", "")
        or page.headers.get("x-frame-options") != "DENY"
    ]


@proves("S45", "refuses", "session cookies")
@attack(
    "A neighbouring host sets a session of the attacker for the whole domain, under the name of ours"
    " with a no-break space before it, and the victim goes on as the attacker.",
    "cookie tossing, RFC 6265bis §8.6",
    Defence(
        f"{_COOKIES}:_sent_cookie",
        {'pair.strip(" \\t").partition("=")': 'pair.strip().partition("=")'},
    ),
)
async def test_no_other_host_sets_the_session(start_authserver: StartAuthServer) -> str | None:
    harness = await start_authserver(issuer="https://auth.example")
    client = (await harness.register())["client_id"]
    attacker = harness.browser()
    assert is_consent(await consent_page(harness, attacker, client))
    session = attacker.http.cookies[harness.server.services.cookies.session_name]
    victim = harness.browser()
    await victim.open(harness.authorize_url(client))

    tossed = f"\u00a0__Host-doorward-session={session}".encode("latin-1")
    own = "; ".join(f"{name}={value}" for name, value in victim.http.cookies.items()).encode()
    page = await harness.http.get(
        harness.authorize_url(client), headers=[(b"cookie", own + b";" + tossed)]
    )

    return "signed in as the attacker" if is_consent(page) else None


@proves("S45", "refuses", "session cookies")
@attack(
    "The attacker plants a session ID in the victim's browser, and uses it after the victim signs in.",
    "session fixation",
    Defence(
        "doorward.authserver.users.sessions:Sessions.create",
        {"session_id = new_secret()": "session_id = previous or new_secret()"},
    ),
)
async def test_a_planted_session_is_not_the_victims(harness: AuthServerHarness) -> str | None:
    client = (await harness.register())["client_id"]
    victim, name = harness.browser(), harness.server.services.cookies.session_name
    victim.http.cookies.set(name, "planted-by-the-attacker-0123456789-abcdefgh")

    await victim.go_through(harness.authorize_url(client), "alice", PASSWORD)

    session = await harness.server.services.sessions.find(
        "planted-by-the-attacker-0123456789-abcdefgh"
    )
    return session.user.username if session else None


@proves("S47", "refuses", "no open redirect at sign-in")
@attack(
    "The attacker sends a link to the sign-out page that returns to a page of theirs.",
    "Keycloak#50747",
    none_needed="no page reads where to return to",
)
async def test_signing_out_leads_to_no_other_site(harness: AuthServerHarness) -> list[str]:
    victim = await signed_in_browser(harness, (await harness.register())["client_id"])
    answers = [
        await victim.http.post(harness.url(f"/sign-out?{name}={EVIL}"), data={name: EVIL})
        for name in ("return_to", "post_logout_redirect_uri", "redirect_uri", "next")
    ]
    return [str(answer.url) for answer in answers if answer.is_redirect or EVIL in answer.text]


@proves("S207", "refuses", "logout tokens")
@attack(
    "The attacker has read a logout token, and sends it again whenever the user has signed in again.",
    "OpenID Connect Back-Channel Logout 1.0 §2.6",
    Defence(
        "doorward.authserver.store.rows.spent_assertions:claim_assertion",
        {
            "return False": "pass",
            'await connection.execute(_SPEND, {"digest": digest, "expires_at": expires_at})': "pass",
        },
    ),
)
async def test_a_logout_token_counts_once(bridge: Bridge) -> Any:
    token = logout_token(bridge)
    await sign_in(bridge)
    assert (await send(bridge, token)).status_code == 200
    client, tokens = await sign_in(bridge)

    await send(bridge, token)

    return (await bridge.harness.refresh(client, tokens.refresh)).body.get("error")


@attack(
    "The attacker signs a logout token with a key of their own, and signs everybody out.",
    "OpenID Connect Back-Channel Logout 1.0 §2.6",
    Defence(
        "doorward.authserver.upstream.id_tokens.signed_token:read_signed_token",
        {"if not key.verify(": "if False and key.verify("},
    ),
)
async def test_only_the_provider_signs_its_users_out(bridge: Bridge) -> Any:
    client, tokens = await sign_in(bridge)

    await send(bridge, logout_token(bridge, key=foreign_key()))

    return (await bridge.harness.refresh(client, tokens.refresh)).body.get("error")


@proves("S207", "refuses", "logout tokens")
@attack(
    "The attacker has the consent page of a victim open while the provider signs the victim out, and"
    " clicks at that moment.",
    "OpenID Connect Back-Channel Logout 1.0 §2.7",
    Defence(
        "doorward.authserver.upstream.sessions.sessions:ProviderSessions.is_active",
        {"provider_sessions.c.ended_at.is_(None)": "True"},
    ),
)
async def test_a_consent_that_crosses_a_logout_gives_no_code(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> str | None:
    harness, browser = bridge.harness, bridge.harness.browser()
    bridge.provider.user = {"sub": JANE}
    client = (await harness.register())["client_id"]
    await bridge.sign_in(browser, client)
    page = await browser.open(harness.authorize_url(client, code_challenge=OTHER_CHALLENGE))
    signed_in = ConsentEndpoint._signed_in

    async def found_before_the_logout(endpoint: ConsentEndpoint, *arguments: Any) -> Any:
        session = await signed_in(endpoint, *arguments)
        assert (await send(bridge, logout_token(bridge))).status_code == 200
        return session

    monkeypatch.setattr(ConsentEndpoint, "_signed_in", found_before_the_logout)

    return code_at(await browser.decide(page), "127.0.0.1")


@attack(
    "The attacker sends so many wrong logout tokens that the provider's own are refused.",
    "denial of service",
    Defence(
        "doorward.authserver.endpoints.backchannel_logout:BackchannelLogoutEndpoint.post",
        {"    try:\n": "    await services.limits.count('3/minute', 'logout', 'all')\n    try:\n"},
    ),
)
async def test_wrong_logout_tokens_keep_no_genuine_one_out(
    start_bridge: StartBridge,
) -> Any:
    bridge = await start_bridge(limits=Limits(authorizations_per_address="3/minute"))
    client, tokens = await sign_in(bridge)
    forged = logout_token(bridge, key=foreign_key())
    refused = [(await send(bridge, forged)).status_code for _ in range(4)]
    assert refused[:3] == [400, 400, 400]
    assert refused[3] == 429

    await send(bridge, logout_token(bridge))

    return (await bridge.harness.refresh(client, tokens.refresh)).body.get("access_token")


@attack(
    "The attacker opens the callback again and again, and each time the server looks for a sign-in.",
    "denial of service",
    Defence(
        "doorward.authserver.endpoints.browser.provider_sign_in:ProviderSignInEndpoint._count",
        {
            "await self._services.limits.count(settings.limits.authorizations_per_address, what, peer)": "pass"
        },
    ),
)
async def test_the_callback_is_limited_by_address(start_bridge: StartBridge) -> int:
    bridge = await start_bridge(limits=Limits(authorizations_per_address="3/minute"))
    forged = bridge.harness.url("/callback/sso?code=x&state=" + "x" * 43)
    answers = [await bridge.harness.http.get(forged) for _ in range(5)]
    assert {answer.status_code for answer in answers} <= {403, 429}

    return sum(answer.status_code == 403 for answer in answers[3:])
