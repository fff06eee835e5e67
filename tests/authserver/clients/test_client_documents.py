"""Client ID metadata documents are fetched safely, validated and cached."""

import json
from typing import Any

import pytest

from tests.authserver.conftest import StartAuthServer
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.ledger import proves
from tests.wire.test_client_metadata import DOCUMENTS


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


@proves("S64", "accepts", "a document names its own id")
@proves("S73", "accepts", "documents are strict JSON")
async def test_a_client_with_a_document_needs_no_registration(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    tokens = await harness.tokens(URL)

    assert tokens.body["scope"] == "mcp:read mcp:tools"
    assert (await harness.refresh(URL, tokens.refresh)).response.status_code == 200
    assert fetcher.asked == [URL]


@proves("S34", "accepts", "what the consent page shows")
async def test_the_page_shows_the_host_that_vouches_for_the_client(
    harness: AuthServerHarness,
) -> None:
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(URL))

    consent = await browser.sign_in(page, "alice", PASSWORD)

    assert "app.example" in consent.text


@proves("S81", "accepts", "documents of real clients")
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_documents_of_real_clients_are_accepted(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, name: str
) -> None:
    document = DOCUMENTS[name]
    fetcher.documents[document["client_id"]] = document

    response = await harness.http.get(
        harness.authorize_url(document["client_id"], redirect_uri=document["redirect_uris"][0])
    )

    assert response.status_code == 200
    assert 'name="password"' in response.text


@proves("S63", "refuses", "client id URLs")
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
async def test_a_client_id_that_is_not_a_valid_url_is_not_fetched(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, url: str
) -> None:
    fetcher.put(url)

    response = await harness.http.get(harness.authorize_url(url))

    assert response.status_code == 400
    assert fetcher.asked == []


@proves("S64", "refuses", "a document names its own id")
async def test_a_document_that_names_another_client_is_refused(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    fetcher.documents[URL]["client_id"] = URL + "/"

    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 400


@proves("S73", "refuses", "documents are strict JSON")
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
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, body: bytes
) -> None:
    fetcher.documents[URL] = body

    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 400


@proves("S73", "refuses", "documents are strict JSON")
@pytest.mark.parametrize("media_type", ["text/html", "", "text/plain", "application/xml"])
async def test_a_document_of_another_type_is_refused(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, media_type: str
) -> None:
    fetcher.media_type = media_type

    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 400


@proves("S74", "refuses", "documents hold no secrets")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "x"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"jwks": {"keys": [{"kty": "EC", "d": "x"}]}},
    ],
)
async def test_a_document_with_a_secret_in_it_is_refused(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher, changes: dict[str, Any]
) -> None:
    fetcher.put(**changes)

    assert (await harness.http.get(harness.authorize_url(URL))).status_code == 400


@proves("S75", "refuses", "links in documents")
async def test_links_in_a_document_are_not_fetched(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    fetcher.put(
        jwks_uri="https://169.254.169.254/jwks",
        logo_uri="https://10.0.0.1/logo",
        policy_uri="https://internal.example/policy",
        sector_identifier_uri="https://internal.example/sector",
        request_uris=["https://internal.example/request"],
    )

    await harness.tokens(URL)

    assert set(fetcher.asked) == {URL}


@proves("S75", "accepts", "links in documents")
async def test_the_document_itself_is_fetched_through_the_guard(
    harness: AuthServerHarness, fetcher: FakeDocumentFetcher
) -> None:
    await harness.http.get(harness.authorize_url(URL))

    assert fetcher.asked == [URL]


async def test_a_document_client_sends_no_secret(harness: AuthServerHarness) -> None:
    code = await harness.code(URL)

    tokens = await harness.token(harness.code_fields(URL, code, client_secret="x"))

    assert tokens.response.status_code == 401
