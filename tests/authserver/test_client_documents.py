"""Client ID metadata documents: read through the guard, judged, kept for a while."""

import json
from typing import Any

import pytest

from tests.authserver.conftest import Opening
from tests.authserver.shelf import URL, Shelf
from tests.authserver.world import PASSWORD, World
from tests.ledger import proves
from tests.wire.test_client_metadata import DOCUMENTS


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put()
    return shelf


@pytest.fixture
async def world(open_world: Opening, shelf: Shelf) -> World:
    opened: World = await open_world(fetcher=shelf)
    return opened


@proves("S64", "accepts")
@proves("S73", "accepts")
async def test_a_client_that_nobody_registered_signs_somebody_in(
    world: World, shelf: Shelf
) -> None:
    tokens = await world.tokens(URL)

    assert tokens.body["scope"] == "mcp:read mcp:tools"
    assert (await world.refresh(URL, tokens.refresh)).response.status_code == 200
    assert shelf.asked == [URL]


@proves("S34", "accepts")
async def test_the_page_shows_the_host_that_vouches_for_the_client(world: World) -> None:
    browser = world.browser()
    page = await browser.open(world.authorize_url(URL))

    consent = await browser.sign_in(page, "alice", PASSWORD)

    assert "app.example" in consent.text


@proves("S81", "accepts")
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_real_clients_are_led_to_the_sign_in_page(
    world: World, shelf: Shelf, name: str
) -> None:
    document = DOCUMENTS[name]
    shelf.documents[document["client_id"]] = document

    response = await world.http.get(
        world.authorize_url(document["client_id"], redirect_uri=document["redirect_uris"][0])
    )

    assert response.status_code == 200
    assert 'name="password"' in response.text


@proves("S63", "refuses")
@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/client",
        "https://app.example",
        "https://app.example/../x",
        "https://app.example/%2e%2e/x",
        "https://app.example/x#y",
        "https://u@app.example/x",
        "https://app.example:/x",
        "HTTPS://app.example/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://ünï.example/x",
    ],
)
async def test_a_client_id_that_is_no_proper_url_is_never_fetched(
    world: World, shelf: Shelf, url: str
) -> None:
    shelf.put(url)

    response = await world.http.get(world.authorize_url(url))

    assert response.status_code == 400
    assert shelf.asked == []


@proves("S64", "refuses")
async def test_a_document_that_names_another_client_is_refused(world: World, shelf: Shelf) -> None:
    shelf.documents[URL]["client_id"] = URL + "/"

    assert (await world.http.get(world.authorize_url(URL))).status_code == 400


@proves("S73", "refuses")
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b"<html>",
        b"",
        json.dumps({"client_id": URL}).encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"client_id":"%s","client_id":"%s"}' % (b"x", URL.encode()),
    ],
)
async def test_a_document_that_is_not_one_json_object_is_refused(
    world: World, shelf: Shelf, body: bytes
) -> None:
    shelf.documents[URL] = body

    assert (await world.http.get(world.authorize_url(URL))).status_code == 400


@proves("S73", "refuses")
@pytest.mark.parametrize("media_type", ["text/html", "", "text/plain", "application/xml"])
async def test_a_document_of_another_type_is_refused(
    world: World, shelf: Shelf, media_type: str
) -> None:
    shelf.media_type = media_type

    assert (await world.http.get(world.authorize_url(URL))).status_code == 400


@proves("S74", "refuses")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "x"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"jwks": {"keys": [{"kty": "EC", "d": "x"}]}},
    ],
)
async def test_a_document_with_a_secret_in_it_is_refused(
    world: World, shelf: Shelf, changes: dict[str, Any]
) -> None:
    shelf.put(**changes)

    assert (await world.http.get(world.authorize_url(URL))).status_code == 400


@proves("S75", "refuses")
async def test_no_address_that_a_document_names_is_fetched(world: World, shelf: Shelf) -> None:
    shelf.put(
        jwks_uri="https://169.254.169.254/jwks",
        logo_uri="https://10.0.0.1/logo",
        policy_uri="https://internal.example/policy",
        sector_identifier_uri="https://internal.example/sector",
        request_uris=["https://internal.example/request"],
    )

    await world.tokens(URL)

    assert set(shelf.asked) == {URL}


@proves("S75", "accepts")
async def test_the_document_itself_is_fetched_through_the_guard(world: World, shelf: Shelf) -> None:
    await world.http.get(world.authorize_url(URL))

    assert shelf.asked == [URL]


async def test_a_document_client_sends_no_secret(world: World) -> None:
    code = await world.code(URL)

    tokens = await world.token(world.code_fields(URL, code, client_secret="x"))

    assert tokens.response.status_code == 401
