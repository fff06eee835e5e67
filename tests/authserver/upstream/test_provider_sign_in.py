"""A person signs in at an identity provider, and the client gets a token of this server."""

import pytest

from doorward.authserver.settings.admission import Allow
from tests.authserver.browser import answer_in, form_with, forms_of
from tests.authserver.harness import PASSWORD, claims_of
from tests.authserver.steps import OTHER_CHALLENGE, is_consent, is_sign_in
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.ledger import proves


async def test_a_user_of_the_provider_gets_a_token_of_this_server(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    bridge.provider.user |= {"email": "jane@example.com", "email_verified": True}
    client = (await harness.register())["client_id"]

    answered = await bridge.sign_in(browser, client)
    code = answer_in(answered.headers["location"])["code"]
    tokens = await harness.token(harness.code_fields(client, code))

    claims = claims_of(tokens.access)
    assert claims["iss"] == harness.issuer
    assert claims["aud"] == harness.resource
    assert claims["name"] == "Jane Doe"
    assert set(claims["scope"].split()) == {"mcp:read", "mcp:tools"}
    assert claims["sub"] != bridge.provider.user["sub"]


@proves("S29", "accepts", "consent before anything is issued")
@proves("S32", "accepts", "no provider state before consent")
async def test_the_only_page_before_the_provider_asks_for_consent(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]

    page = await browser.open(harness.authorize_url(client))

    assert is_consent(page)
    assert not is_sign_in(page)
    assert "Example SSO" in page.text
    assert "login.example" in page.text
    # Nothing is asked of the provider, and no state exists, before somebody has agreed.
    assert bridge.provider.requests == []
    redirect = await browser.decide(page)
    sent = bridge.provider.authorize(redirect.headers["location"])
    assert sent["state"]
    asked = bridge.provider.authorizations[0]
    assert asked["scope"].split() == ["openid", "profile", "email", "offline_access"]
    assert asked["redirect_uri"] == harness.url("/callback/sso")
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) == 43
    # What is granted is for this server's resource. The provider learns nothing of it.
    assert "resource" not in asked


async def test_a_user_who_says_no_never_reaches_the_provider(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))

    answered = await browser.decide(page, "deny")

    assert answer_in(answered.headers["location"])["error"] == "access_denied"
    assert bridge.provider.requests == []


async def test_a_second_sign_in_finds_the_same_user(bridge: Bridge) -> None:
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    subjects = []
    for name in ("Jane Doe", "Jane Smith"):
        bridge.provider.user["name"] = name
        answered = await bridge.sign_in(harness.browser(), client)
        code = answer_in(answered.headers["location"])["code"]
        claims = claims_of((await harness.token(harness.code_fields(client, code))).access)
        subjects.append((claims["sub"], claims["name"]))

    assert subjects[0][0] == subjects[1][0]
    assert [name for _, name in subjects] == ["Jane Doe", "Jane Smith"]


async def test_a_signed_in_browser_needs_no_second_visit_to_the_provider(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    await bridge.sign_in(browser, client)
    asked = len(bridge.provider.authorizations)

    page = await browser.open(harness.authorize_url(client, code_challenge=OTHER_CHALLENGE))
    again = await browser.decide(page)

    assert "code" in answer_in(again.headers["location"])
    assert len(bridge.provider.authorizations) == asked


@proves("S42", "accepts", "no account by e-mail address")
@proves("S42", "refuses", "no account by e-mail address")
async def test_an_account_is_known_by_issuer_and_subject_alone(bridge: Bridge) -> None:
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    subjects = []
    for subject in ("1", "2", "1"):
        bridge.provider.user |= {
            "sub": subject,
            "email": "jane@example.com",
            "email_verified": True,
            "preferred_username": "alice",
        }
        answered = await bridge.sign_in(harness.browser(), client)
        code = answer_in(answered.headers["location"])["code"]
        claims = claims_of((await harness.token(harness.code_fields(client, code))).access)
        subjects.append(claims["sub"])
        # alice of this server is somebody else, although the name is the same.
        alice = await harness.server.users.find("alice")
        assert alice is not None
        assert claims["sub"] != alice.id

    assert subjects[0] == subjects[2]
    assert subjects[0] != subjects[1]


async def test_several_providers_and_own_users_are_offered_on_one_page(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(
        identity_provider(), identity_provider(name="other", title="Other SSO"), own_users=True
    )
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]

    page = await browser.open(harness.authorize_url(client))

    assert is_sign_in(page)
    assert [form.action for form in forms_of(page.text)] == [
        harness.url("/sign-in/sso"),
        harness.url("/sign-in/other"),
        harness.url("/sign-in"),
    ]
    signed_in = await browser.sign_in(page, "alice", PASSWORD)
    assert is_consent(signed_in)


async def test_without_own_users_no_password_is_taken(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))
    form = form_with(page.text, "decision")
    form.action = harness.url("/sign-in")

    refused = await browser.submit(form, username="alice", password=PASSWORD)

    assert refused.status_code == 403
    assert "form-refused" in refused.text


async def test_another_account_makes_the_provider_ask(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    await bridge.sign_in(browser, client)
    page = await browser.open(harness.authorize_url(client, prompt="consent"))
    other = await browser.submit(
        next(form for form in forms_of(page.text) if form.action.endswith("/switch-account"))
    )

    redirect = await browser.decide(other)

    bridge.provider.authorize(redirect.headers["location"])
    assert bridge.provider.authorizations[-1]["prompt"] == "select_account"


async def test_prompt_login_reaches_the_provider(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]

    redirect = await bridge.to_provider(browser, client, prompt="login")

    bridge.provider.authorize(redirect.headers["location"])
    assert bridge.provider.authorizations[-1]["prompt"] == "login"


@proves("S204", "refuses", "admission by claims")
async def test_an_account_that_no_rule_admits_can_use_another_one(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(domains={"example.com"})))
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    bridge.provider.user |= {"email": "eve@evil.example", "email_verified": True}

    page = await bridge.sign_in(browser, client)

    assert page.status_code == 403
    assert "eve@evil.example may not sign in here." in page.text
    bridge.provider.user |= {"sub": "2", "email": "jane@example.com"}
    asked = await browser.submit(form_with(page.text, "account"))
    redirect = await browser.decide(asked)
    answered = await browser.open(bridge.provider.callback(redirect.headers["location"]))
    assert bridge.provider.authorizations[-1]["prompt"] == "select_account"
    assert "code" in answer_in(answered.headers["location"])


@pytest.mark.parametrize(
    ("settings", "scopes", "roles"),
    [
        ({}, {"mcp:read", "mcp:tools"}, set()),
        ({"user_scopes": ("mcp:read",)}, {"mcp:read"}, set()),
        ({"group_scopes": {"staff": ("mcp:tools",)}}, {"mcp:tools"}, set()),
        (
            {"user_scopes": ("mcp:read",), "group_roles": {"staff": ("clerk",)}},
            {"mcp:read"},
            {"clerk"},
        ),
        ({"user_scopes": ("mcp:read",), "group_roles": {"boss": ("chief",)}}, {"mcp:read"}, set()),
    ],
)
async def test_scopes_and_roles_follow_the_groups(
    start_bridge: StartBridge,
    settings: dict[str, object],
    scopes: set[str],
    roles: set[str],
) -> None:
    bridge = await start_bridge(identity_provider(**settings))
    harness = bridge.harness
    bridge.provider.user["groups"] = ["staff", "everybody"]
    client = (await harness.register())["client_id"]

    answered = await bridge.sign_in(harness.browser(), client)
    code = answer_in(answered.headers["location"])["code"]
    claims = claims_of((await harness.token(harness.code_fields(client, code))).access)

    assert set(claims["scope"].split()) == scopes
    assert set(claims["roles"]) == roles
