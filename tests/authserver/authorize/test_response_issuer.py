"""``iss`` in authorization responses: exactly once, in every kind of response."""

from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.authserver.browser import links_of
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness
from tests.authserver.steps import consent_page
from tests.ledger import proves

WITH_QUERY = "https://app.example/cb?tenant=%69ss&miss=1"
PRIVATE = "com.example.app:/callback?tenant=1"


def issuers_in(response: httpx2.Response) -> list[str]:
    """Return each ``iss`` of a response, redirected or offered as a link."""
    target = response.headers.get("location") or links_of(response.text)[0]
    return [value for name, value in parse_qsl(urlsplit(target).query) if name == "iss"]


@proves("S208", "accepts", "iss exactly once")
@pytest.mark.parametrize("decision", ["allow", "deny"])
@pytest.mark.parametrize("uri", [CALLBACK, CALLBACK + "?", WITH_QUERY, PRIVATE])
async def test_codes_and_denials_name_the_issuer_once(
    harness: AuthServerHarness, uri: str, decision: str
) -> None:
    client = (await harness.register(redirect_uris=[uri]))["client_id"]
    browser = harness.browser()
    page = await consent_page(harness, browser, client, redirect_uri=uri)

    assert issuers_in(await browser.decide(page, decision)) == [harness.issuer]


@proves("S208", "accepts", "iss exactly once")
@pytest.mark.parametrize(
    "changes",
    [{"response_type": "token"}, {"prompt": "none"}, {"resource": "https://elsewhere.example"}],
)
async def test_errors_name_the_issuer_once(
    harness: AuthServerHarness, changes: dict[str, str]
) -> None:
    client = (await harness.register(redirect_uris=[WITH_QUERY]))["client_id"]

    url = harness.authorize_url(client, redirect_uri=WITH_QUERY, **changes)

    assert issuers_in(await harness.http.get(url)) == [harness.issuer]


@proves("S208", "accepts", "iss exactly once")
async def test_a_sign_in_without_a_person_names_the_issuer_once(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(sign_in_as="alice")
    client = (await harness.register())["client_id"]

    assert issuers_in(await harness.http.get(harness.authorize_url(client))) == [harness.issuer]


# RFC 9207 says nothing about a redirect URI with an ``iss`` of its own. Dropping it would change a
# URI that must be compared as it was registered, so such a URI is refused wherever it is named.
@proves("S208", "refuses", "iss exactly once")
@pytest.mark.parametrize("own", ["iss=https://evil.example", "%69ss=x", "ISS=x", "a=1&iss"])
@pytest.mark.parametrize("base", ["https://app.example/cb", CALLBACK, "com.example.app:/cb"])
async def test_a_redirect_uri_with_an_issuer_of_its_own_gets_no_response(
    harness: AuthServerHarness, base: str, own: str
) -> None:
    uri = f"{base}?{own}"
    refused = await harness.http.post("/register", json={"redirect_uris": [uri]})
    client = (await harness.register(redirect_uris=[base]))["client_id"]
    browser = harness.browser()

    response = await browser.go_through(
        harness.authorize_url(client, redirect_uri=uri), "alice", PASSWORD
    )

    assert refused.json()["error"] == "invalid_redirect_uri"
    assert response.status_code == 400
    assert "location" not in response.headers
