"""Consent: what the user is asked, what is granted, and what is remembered."""

import pytest

from doorward.authserver.settings.resource import Resource
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import PASSWORD, RESOURCE, SCOPES, AuthServerHarness, challenge_of
from tests.authserver.steps import OTHER_CHALLENGE, consent_page, is_consent, is_remembered
from tests.ledger import proves


@proves("S29", "refuses", "consent before anything is issued")
async def test_a_signed_in_user_is_asked_about_a_new_client(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    first, second = await harness.register(), await harness.register(client_name="Second")
    await browser.go_through(harness.authorize_url(first["client_id"]), "alice", PASSWORD)

    page = await browser.open(harness.authorize_url(second["client_id"]))

    assert is_consent(page)
    assert "Second" in page.text


@proves("S29", "accepts", "consent before anything is issued")
@proves("S33", "accepts", "consent is remembered narrowly")
async def test_a_known_client_that_asks_for_no_more_is_confirmed_with_one_click(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    client = await harness.register()
    await browser.go_through(harness.authorize_url(client["client_id"]), "alice", PASSWORD)

    for changes in ({}, {"scope": "mcp:read"}, {"redirect_uri": "http://127.0.0.1:5/callback"}):
        changes = {"code_challenge": challenge_of("z" * 43 + str(changes)), **changes}
        page = await browser.open(harness.authorize_url(client["client_id"], **changes))
        assert is_remembered(page)
        assert "code" in answer_in((await browser.decide(page)).headers["location"])


@proves("S33", "refuses", "consent is remembered narrowly")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"scope": "mcp:read mcp:tools"}, id="more-scopes"),
        pytest.param({"redirect_uri": "https://app.example/cb"}, id="another-address"),
        pytest.param({"resource": "http://localhost:9000/other"}, id="another-resource"),
        pytest.param({"prompt": "consent"}, id="the-client-asks-for-it"),
    ],
)
async def test_more_scopes_or_another_destination_need_a_new_consent(
    start_authserver: StartAuthServer, changes: dict[str, str]
) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    harness = await start_authserver(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    browser = harness.browser()
    client = await harness.register(
        redirect_uris=["http://127.0.0.1:41000/callback", "https://app.example/cb"]
    )
    url = harness.authorize_url(client["client_id"], scope="mcp:read")
    await browser.go_through(url, "alice", PASSWORD)

    page = await browser.open(
        harness.authorize_url(
            client["client_id"],
            **{"scope": "mcp:read", "code_challenge": OTHER_CHALLENGE, **changes},
        )
    )

    assert is_consent(page)
    assert not is_remembered(page)


@proves("S33", "refuses", "consent is remembered narrowly")
async def test_a_consent_holds_for_one_user(harness: AuthServerHarness) -> None:
    await harness.add_user("bob")
    client = await harness.register()
    await harness.code(client["client_id"], user="alice")

    browser = harness.browser()
    page = await browser.open(
        harness.authorize_url(client["client_id"], code_challenge=OTHER_CHALLENGE)
    )

    page = await browser.sign_in(page, "bob", PASSWORD)
    assert is_consent(page)
    assert not is_remembered(page)


@proves("S27", "refuses", "a replayed authorization request")
async def test_a_request_that_led_to_a_code_is_asked_about_when_it_comes_again(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    client = await harness.register()
    url = harness.authorize_url(client["client_id"])
    await browser.go_through(url, "alice", PASSWORD)

    page = await browser.open(url)
    assert is_consent(page)
    assert not is_remembered(page)


@proves("S27", "accepts", "a replayed authorization request")
async def test_a_fresh_request_of_the_same_client_is_not(harness: AuthServerHarness) -> None:
    browser = harness.browser()
    client = await harness.register()
    await browser.go_through(harness.authorize_url(client["client_id"]), "alice", PASSWORD)

    page = await browser.open(
        harness.authorize_url(client["client_id"], code_challenge=OTHER_CHALLENGE)
    )

    assert is_remembered(page)
    assert "code" in answer_in((await browser.decide(page)).headers["location"])


@proves("S38", "refuses", "deny, and decide once")
@pytest.mark.parametrize("decision", ["deny", "", "ALLOW", "yes"])
async def test_anything_but_allow_is_a_denial_that_the_client_is_told(
    harness: AuthServerHarness, decision: str
) -> None:
    client = await harness.register()
    browser = harness.browser()

    response = await browser.decide(
        await consent_page(harness, browser, client["client_id"]), decision
    )

    answer = answer_in(response.headers["location"])
    assert answer["error"] == "access_denied"
    assert answer["state"] == "st&te ü"
    assert answer["iss"] == harness.issuer


async def test_a_user_without_any_of_the_scopes_cannot_consent(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response = await harness.browser().go_through(
        harness.authorize_url(client["client_id"]), "guest", PASSWORD
    )

    assert answer_in(response.headers["location"])["error"] == "access_denied"


async def test_a_user_cannot_grant_a_scope_that_they_do_not_hold(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()

    tokens = await harness.tokens(client["client_id"], scope="mcp:read mcp:admin")

    assert tokens.body["scope"] == "mcp:read"


@proves("S33", "refuses", "consent is remembered narrowly")
async def test_a_consent_covers_only_what_the_page_showed(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    await harness.server.users.set_permissions("alice", scopes=("mcp:read",), roles=())
    page = await consent_page(harness, browser, client["client_id"])
    assert "mcp:tools" not in page.text
    await harness.server.users.set_permissions("alice", scopes=("mcp:read", "mcp:tools"), roles=())

    again = await browser.decide(page)

    assert is_consent(again)
    assert "mcp:tools" in again.text
    assert "code" in answer_in((await browser.decide(again)).headers["location"])
