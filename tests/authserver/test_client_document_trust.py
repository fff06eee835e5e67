"""Client documents over time: kept, changed, mistrusted, unreachable."""

import asyncio
import re
from typing import Any

import pytest

from doorward.authserver.settings import Lifetimes
from doorward.net.refusals import FetchFailed, FetchRefused
from tests.authserver.browser import answer_in
from tests.authserver.conftest import Opening, StoppedClock
from tests.authserver.shelf import URL, Shelf
from tests.authserver.world import CALLBACK, PASSWORD, World, challenge_of
from tests.ledger import proves

UNUSABLE = "The client&#39;s metadata document could not be used."


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put()
    return shelf


@pytest.fixture
async def world(open_world: Opening, shelf: Shelf) -> World:
    opened: World = await open_world(fetcher=shelf)
    return opened


@proves("S76", "refuses")
async def test_with_the_same_origin_rule_every_address_counts_used_or_not(
    open_world: Opening, shelf: Shelf
) -> None:
    ours = "https://app.example/cb"
    shelf.put(redirect_uris=[ours, "https://evil.example/cb"])
    world = await open_world(fetcher=shelf, documents_same_origin=True)

    response = await world.http.get(world.authorize_url(URL, redirect_uri=ours))

    assert response.status_code == 400


@proves("S76", "accepts")
async def test_with_the_same_origin_rule_addresses_at_home_are_accepted(
    open_world: Opening, shelf: Shelf
) -> None:
    ours = "https://app.example/cb"
    shelf.put(redirect_uris=[ours, "https://app.example/other"])
    world = await open_world(fetcher=shelf, documents_same_origin=True)

    response = await world.http.get(world.authorize_url(URL, redirect_uri=ours))

    assert response.status_code == 200


@proves("S77", "accepts")
@pytest.mark.parametrize(
    ("max_age", "kept_for"), [(None, 60), (0, 60), (600, 600), (10_000_000, 86400)]
)
async def test_a_document_is_kept_as_long_as_it_says_within_bounds(
    world: World, shelf: Shelf, clock: StoppedClock, max_age: float | None, kept_for: float
) -> None:
    shelf.max_age = max_age
    await world.http.get(world.authorize_url(URL))

    clock.advance(kept_for - 1)
    await world.http.get(world.authorize_url(URL))
    assert len(shelf.asked) == 1
    clock.advance(2)
    await world.http.get(world.authorize_url(URL))
    assert len(shelf.asked) == 2


@proves("S77", "accepts")
async def test_many_who_ask_at_once_are_one_fetch(world: World, shelf: Shelf) -> None:
    browser = world.browser()

    await asyncio.gather(*(browser.http.get(world.authorize_url(URL)) for _ in range(10)))

    assert len(shelf.asked) == 1


@proves("S77", "refuses")
async def test_a_failure_is_not_kept(world: World, shelf: Shelf) -> None:
    good = shelf.documents.pop(URL)
    assert (await world.http.get(world.authorize_url(URL))).status_code == 400

    shelf.documents[URL] = good

    assert (await world.http.get(world.authorize_url(URL))).status_code == 200


@proves("S78", "refuses")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_name": "Your bank"},
        {"redirect_uris": [CALLBACK, "https://evil.example/cb"]},
        {"client_uri": "https://elsewhere.example/"},
    ],
)
async def test_a_document_that_shows_another_face_is_asked_about_again(
    world: World, shelf: Shelf, clock: StoppedClock, changes: dict[str, Any]
) -> None:
    browser = world.browser()
    await browser.go_through(world.authorize_url(URL), "alice", PASSWORD)
    shelf.put(**changes)
    clock.advance(61)

    page = await browser.open(world.authorize_url(URL, code_challenge=challenge_of("y" * 43)))

    assert 'name="decision"' in page.text
    assert "client-document.changed" in world.kinds()


@proves("S78", "accepts")
async def test_a_document_that_stays_the_same_is_not_asked_about_again(
    world: World, shelf: Shelf, clock: StoppedClock
) -> None:
    browser = world.browser()
    await browser.go_through(world.authorize_url(URL), "alice", PASSWORD)
    clock.advance(61)

    response = await browser.open(world.authorize_url(URL, code_challenge=challenge_of("y" * 43)))

    assert "code" in answer_in(response.headers["location"])
    assert len(shelf.asked) == 2


@proves("S79", "refuses")
@pytest.mark.parametrize(
    "failure",
    [
        FetchFailed("10.1.2.3:443 answered 403 Forbidden: secret-body"),
        FetchRefused("app.example resolves to 10.1.2.3"),
        FetchFailed("connection refused by 10.1.2.3"),
        b"<html>secret-body 10.1.2.3</html>",
    ],
)
async def test_why_a_document_could_not_be_had_is_not_told(
    world: World, shelf: Shelf, failure: Any
) -> None:
    shelf.documents[URL] = failure

    page = await world.http.get(world.authorize_url(URL))
    tokens = await world.token(world.code_fields(URL, "x"))

    assert page.status_code == 400
    assert UNUSABLE in page.text
    # Without the correlation ids: their digits are anybody's.
    for text in (re.sub("[0-9a-f]{32}", "", page.text), tokens.response.text):
        for leak in ("10.1.2.3", "403", "secret-body", "refused", "resolves"):
            assert leak not in text


@proves("S79", "accepts")
async def test_the_person_is_told_that_the_application_could_not_be_checked(
    world: World, shelf: Shelf
) -> None:
    shelf.documents.clear()

    page = await world.http.get(world.authorize_url(URL))

    assert "client-document-unavailable" in page.text


@proves("S80", "refuses")
async def test_a_client_that_is_no_longer_trusted_is_stopped_at_every_endpoint(
    open_world: Opening, shelf: Shelf
) -> None:
    trusted = {URL}
    world = await open_world(fetcher=shelf, trust_client=trusted.__contains__)
    tokens = await world.tokens(URL)
    code = await world.code(URL, code_challenge=challenge_of("y" * 43), prompt="consent")
    trusted.clear()

    # The document is still at hand: it is not what is asked.
    assert (await world.http.get(world.authorize_url(URL))).status_code == 400
    refreshed = await world.refresh(URL, tokens.refresh)
    assert refreshed.body["error"] == "invalid_client"
    redeemed = await world.token(world.code_fields(URL, code, code_verifier="y" * 43))
    assert redeemed.body["error"] == "invalid_client"
    assert len(shelf.asked) == 1


@proves("S80", "accepts")
async def test_a_client_on_the_list_is_let_in(open_world: Opening, shelf: Shelf) -> None:
    world = await open_world(fetcher=shelf, trust_client={URL}.__contains__)

    assert (await world.tokens(URL)).response.status_code == 200


async def test_the_bounds_of_the_cache_are_settings(
    open_world: Opening, shelf: Shelf, clock: StoppedClock
) -> None:
    world = await open_world(fetcher=shelf, lifetimes=Lifetimes(document_floor=5))
    await world.http.get(world.authorize_url(URL))
    clock.advance(6)

    await world.http.get(world.authorize_url(URL))

    assert len(shelf.asked) == 2
