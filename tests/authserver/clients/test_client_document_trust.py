"""Client metadata documents that are cached, changed, untrusted or unavailable."""

import asyncio
import re
from typing import Any

import pytest

from doorward.authserver.settings.lifetimes import Lifetimes
from doorward.net.http.refusals import FetchFailed, FetchRefused
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness, challenge_of
from tests.authserver.steps import is_consent, is_remembered
from tests.ledger import proves

UNUSABLE = "The client&#39;s metadata document could not be used."


@pytest.fixture
def fetcher() -> FakeDocumentFetcher:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    return fetcher


@pytest.fixture
async def harness(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> AuthServerHarness:
    opened: AuthServerHarness = await start_authserver(fetcher=fetcher)
    return opened


@proves("S76", "refuses", "same-origin redirect URIs")
async def test_with_the_same_origin_rule_every_address_counts_used_or_not(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    ours = "https://app.example/cb"
    fetcher.put(redirect_uris=[ours, "https://evil.example/cb"])
    harness = await start_authserver(fetcher=fetcher, documents_same_origin=True)

    response = await harness.http.get(harness.authorize_url(URL, redirect_uri=ours))

    assert response.status_code == 400


@proves("S76", "accepts", "same-origin redirect URIs")
async def test_with_the_same_origin_rule_addresses_at_home_are_accepted(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    ours = "https://app.example/cb"
    fetcher.put(redirect_uris=[ours, "https://app.example/other"])
    harness = await start_authserver(fetcher=fetcher, documents_same_origin=True)

    response = await harness.http.get(harness.authorize_url(URL, redirect_uri=ours))

    assert response.status_code == 200


@proves("S77", "accepts", "document cache")
@pytest.mark.parametrize(
    ("max_age", "kept_for"), [(None, 60), (0, 60), (600, 600), (10_000_000, 86400)]
)
async def test_a_document_is_kept_as_long_as_it_says_within_bounds(
    harness: AuthServerHarness,
    fetcher: FakeDocumentFetcher,
    clock: StoppedClock,
    max_age: float | None,
    kept_for: float,
) -> None:
    fetcher.max_age = max_age
    await harness.http.get(harness.authorize_url(URL))

    clock.advance(kept_for - 1)
    await harness.http.get(harness.authorize_url(URL))
    assert len(fetcher.asked) == 1
    clock.advance(2)
    await harness.http.get(harness.authorize_url(URL))
    assert len(fetcher.asked) == 2


@proves("S77", "accepts", "document cache")
async def test_concurrent_requests_fetch_a_document_once(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    browser = harness.browser()

    await asyncio.gather(*(browser.http.get(harness.authorize_url(URL)) for _ in range(10)))

    assert len(fetcher.asked) == 1


@proves("S77", "refuses", "document cache")
async def test_a_failed_fetch_is_not_cached(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    good = fetcher.documents.pop(URL)
    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 400

    fetcher.documents[URL] = good

    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 200


@proves("S78", "refuses", "a changed document asks again")
@proves("S201", "refuses", "no silent cross-site consent")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_name": "Your bank"},
        {"redirect_uris": [CALLBACK, "https://evil.example/cb"]},
        {"client_uri": "https://elsewhere.example/"},
    ],
)
async def test_a_changed_document_needs_a_new_consent(
    harness: AuthServerHarness,
    fetcher: FakeDocumentFetcher,
    clock: StoppedClock,
    changes: dict[str, Any],
) -> None:
    browser = harness.browser()
    await browser.go_through(harness.authorize_url(URL), "alice", PASSWORD)
    fetcher.put(**changes)
    clock.advance(61)

    page = await browser.open(harness.authorize_url(URL, code_challenge=challenge_of("y" * 43)))

    assert is_consent(page)
    assert not is_remembered(page)
    assert "client-document.changed" in harness.kinds()


@proves("S78", "accepts", "a changed document asks again")
async def test_a_document_that_stays_the_same_is_confirmed_with_one_click(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, clock: StoppedClock
) -> None:
    browser = harness.browser()
    await browser.go_through(harness.authorize_url(URL), "alice", PASSWORD)
    clock.advance(61)

    page = await browser.open(harness.authorize_url(URL, code_challenge=challenge_of("y" * 43)))

    assert is_remembered(page)
    assert "code" in answer_in((await browser.decide(page)).headers["location"])
    assert len(fetcher.asked) == 2


@proves("S79", "refuses", "fetch errors tell nothing")
@pytest.mark.parametrize(
    "failure",
    [
        FetchFailed("10.1.2.3:443 answered 403 Forbidden: secret-body"),
        FetchRefused("app.example resolves to 10.1.2.3"),
        FetchFailed("connection refused by 10.1.2.3"),
        b"<html>secret-body 10.1.2.3</html>",
    ],
)
async def test_the_response_hides_why_a_document_could_not_be_fetched(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, failure: Any
) -> None:
    fetcher.documents[URL] = failure

    page = await harness.http.get(harness.authorize_url(URL))
    tokens = await harness.token(harness.code_fields(URL, "x"))

    assert page.status_code == 400
    assert UNUSABLE in page.text
    # Without the correlation ids: their digits are anybody's.
    for text in (re.sub("[0-9a-f]{16}", "", page.text), tokens.response.text):
        for leak in ("10.1.2.3", "403", "secret-body", "refused", "resolves"):
            assert leak not in text


@proves("S79", "accepts", "fetch errors tell nothing")
async def test_the_page_says_that_the_application_could_not_be_checked(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    fetcher.documents.clear()

    page = await harness.http.get(harness.authorize_url(URL))

    assert "client-document-unavailable" in page.text


@proves("S80", "refuses", "trusted document hosts")
async def test_a_client_that_is_no_longer_trusted_is_stopped_at_every_endpoint(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    trusted = {URL}
    harness = await start_authserver(fetcher=fetcher, trust_client=trusted.__contains__)
    tokens = await harness.tokens(URL)
    code = await harness.code(URL, code_challenge=challenge_of("y" * 43), prompt="consent")
    trusted.clear()

    # The document is still at hand: it is not what is asked.
    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 400
    refreshed = await harness.refresh(URL, tokens.refresh)
    assert refreshed.body["error"] == "invalid_client"
    redeemed = await harness.token(harness.code_fields(URL, code, code_verifier="y" * 43))
    assert redeemed.body["error"] == "invalid_client"
    assert len(fetcher.asked) == 1


@proves("S80", "accepts", "trusted document hosts")
async def test_a_trusted_client_is_accepted(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> None:
    harness = await start_authserver(fetcher=fetcher, trust_client={URL}.__contains__)

    assert (await harness.tokens(URL)).response.status_code == 200


async def test_the_bounds_of_the_cache_are_settings(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher, clock: StoppedClock
) -> None:
    harness = await start_authserver(fetcher=fetcher, lifetimes=Lifetimes(document_floor=5))
    await harness.http.get(harness.authorize_url(URL))
    clock.advance(6)

    await harness.http.get(harness.authorize_url(URL))

    assert len(fetcher.asked) == 2
