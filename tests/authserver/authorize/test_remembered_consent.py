"""A code needs a click on a page, even where the user consented before."""

import pytest

from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness
from tests.authserver.steps import OTHER_CHALLENGE, consent_page, is_consent, is_remembered
from tests.ledger import proves

SITES = ["cross-site", "same-site", "same-origin", "none", None]


@proves("S201", "accepts", "no silent cross-site consent")
async def test_one_click_is_enough_for_a_client_that_asks_for_nothing_new(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    client = (await harness.register())["client_id"]
    await browser.go_through(harness.authorize_url(client), "alice", PASSWORD)

    page = await browser.open(harness.authorize_url(client, code_challenge=OTHER_CHALLENGE))

    assert is_remembered(page)
    assert "code" in answer_in((await browser.decide(page)).headers["location"])


@proves("S201", "refuses", "no silent cross-site consent")
@pytest.mark.parametrize("site", SITES)
async def test_no_navigation_gets_a_code_without_a_click(
    start_authserver: StartAuthServer, site: str | None
) -> None:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    harness = await start_authserver(fetcher=fetcher)
    browser = harness.browser()
    await browser.go_through(harness.authorize_url(URL), "alice", PASSWORD)
    if site is not None:
        browser.http.headers["Sec-Fetch-Site"] = site
    issued = harness.kinds().count("code.issued")

    page = await browser.open(harness.authorize_url(URL, code_challenge=OTHER_CHALLENGE))

    assert is_consent(page)
    assert "location" not in page.headers
    assert harness.kinds().count("code.issued") == issued


@proves("S201", "refuses", "no silent cross-site consent")
async def test_a_sign_in_alone_gets_no_code_either(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    await harness.code(client)

    page = await consent_page(harness, harness.browser(), client, code_challenge=OTHER_CHALLENGE)

    assert is_remembered(page)


@proves("S201", "refuses", "no silent cross-site consent")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"scope": "mcp:read mcp:tools"}, id="growth"),
        pytest.param({"redirect_uri": CALLBACK + "?tenant=2"}, id="another-redirect-query"),
    ],
)
async def test_growth_and_another_redirect_query_are_not_remembered(
    harness: AuthServerHarness, changes: dict[str, str]
) -> None:
    uris = [CALLBACK + "?tenant=1", CALLBACK + "?tenant=2"]
    client = (await harness.register(redirect_uris=uris))["client_id"]
    browser = harness.browser()
    first = {"scope": "mcp:read", "redirect_uri": uris[0]}
    await browser.go_through(harness.authorize_url(client, **first), "alice", PASSWORD)

    second = {**first, "code_challenge": OTHER_CHALLENGE}
    same = await browser.open(harness.authorize_url(client, **second))
    other = await browser.open(harness.authorize_url(client, **{**second, **changes}))

    assert is_remembered(same)
    assert is_consent(other)
    assert not is_remembered(other)
