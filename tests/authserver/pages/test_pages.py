"""What the pages show about a client, and what a client cannot put on them."""

from typing import Any

import pytest

from tests.authserver.browser import answer_in, links_of
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import PASSWORD, RESOURCE, SCOPES, AuthServerHarness
from tests.authserver.steps import consent_page, is_consent
from tests.ledger import proves


@proves("S34", "accepts", "what the consent page shows")
async def test_the_page_shows_who_asks_for_what_and_where_the_answer_goes(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(client_name="Sail planner")
    page = await consent_page(harness, harness.browser(), client["client_id"])

    for shown in ("Sail planner", RESOURCE, "mcp:tools", SCOPES["mcp:tools"], "127.0.0.1:41000"):
        assert shown in page.text, shown
    assert "this computer" in page.text.lower()


@proves("S34", "refuses", "what the consent page shows")
async def test_a_web_client_is_not_shown_as_one_on_this_computer(
    harness: AuthServerHarness,
) -> None:
    uri = "https://app.example/cb"
    client = await harness.register(redirect_uris=[uri])

    page = await consent_page(harness, harness.browser(), client["client_id"], redirect_uri=uri)

    assert "app.example" in page.text
    assert "127.0.0.1" not in page.text


@proves("S35", "refuses", "hostile text on pages")
@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"onx=alert(1) x="', "evil\u202egnp.exe", "a\u200bb\nc"]
)
async def test_a_name_that_a_stranger_chose_cannot_become_part_of_the_page(
    harness: AuthServerHarness, name: str
) -> None:
    client = await harness.register(client_name=name)

    page = await consent_page(
        harness, harness.browser(), client["client_id"], state=name.replace("\n", "")
    )

    assert is_consent(page)
    assert "<script" not in page.text
    assert name not in page.text
    assert "\u202e" not in page.text
    assert "\u200b" not in page.text


@proves("S35", "accepts", "hostile text on pages")
async def test_a_name_in_any_script_is_shown_as_it_is(harness: AuthServerHarness) -> None:
    client = await harness.register(client_name="Größe 東京 & Co")

    page = await consent_page(harness, harness.browser(), client["client_id"])

    assert "Größe 東京 &amp; Co" in page.text


@proves("S36", "refuses", "pages cannot be framed")
async def test_no_page_can_be_framed_or_run_a_script(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    sign_in = await browser.open(harness.authorize_url(client["client_id"]))
    consent = await browser.sign_in(sign_in, "alice", PASSWORD)
    error = await browser.open("/authorize")

    for page in (sign_in, consent, error):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "form-action" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert "<script" not in page.text


@proves("S36", "accepts", "pages cannot be framed")
async def test_an_application_with_its_own_scheme_is_reached_by_a_visible_link(
    harness: AuthServerHarness,
) -> None:
    uri = "cursor://anysphere.cursor-mcp/oauth/callback"
    client = await harness.register(redirect_uris=[uri])
    browser = harness.browser()

    page = await browser.decide(
        await consent_page(harness, browser, client["client_id"], redirect_uri=uri)
    )

    assert page.status_code == 200
    targets = [link for link in links_of(page.text) if link.startswith(uri)]
    assert "code" in answer_in(targets[0])


@proves("S37", "refuses", "no client logos")
async def test_no_picture_of_the_client_is_fetched_or_linked(
    start_authserver: StartAuthServer,
) -> None:
    class Nothing:
        async def fetch(self, url: str, **_options: Any) -> Any:
            pytest.fail(f"fetched {url}")

    harness = await start_authserver(fetcher=Nothing())
    client = await harness.register(logo_uri="https://tracker.example/logo.png")

    page = await consent_page(harness, harness.browser(), client["client_id"])

    assert is_consent(page)
    assert "tracker.example" not in page.text


@proves("S37", "accepts", "no client logos")
async def test_a_client_with_a_picture_is_registered_all_the_same(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(logo_uri="https://app.example/logo.png")

    assert client["logo_uri"] == "https://app.example/logo.png"
