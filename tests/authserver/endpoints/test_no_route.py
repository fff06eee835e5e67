"""A path that does not exist is a page in a browser, and JSON for an API client."""

import pytest

from doorward.authserver.pages.pages import SECURITY_HEADERS
from tests.authserver.harness import AuthServerHarness

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing-here", 404),
        ("/authorize/", 404),
        # Reloading the address after a wrong password, and a look at an API endpoint.
        ("/sign-in", 405),
        ("/token", 405),
    ],
)
async def test_a_browser_gets_a_page(harness: AuthServerHarness, path: str, status: int) -> None:
    response = await harness.http.get(path, headers=BROWSER)

    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: response.headers[name] for name, _ in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, */*"])
@pytest.mark.parametrize(
    ("path", "status", "error"),
    [("/nothing-here", 404, "not_found"), ("/token", 405, "invalid_request")],
)
async def test_an_api_client_gets_json(
    harness: AuthServerHarness, path: str, status: int, error: str, accept: str
) -> None:
    response = await harness.http.get(path, headers={"Accept": accept})

    assert (response.status_code, response.json()["error"]) == (status, error)


async def test_a_metadata_path_is_json_for_a_browser_too(harness: AuthServerHarness) -> None:
    response = await harness.http.get("/.well-known/oauth-nothing", headers=BROWSER)

    assert (response.status_code, response.json()) == (404, {"error": "not_found"})


async def test_the_page_shows_nothing_of_the_path(harness: AuthServerHarness) -> None:
    path = "/call-0900-123456-now?<script>alert(1)</script>"
    response = await harness.http.get(path, headers=BROWSER)

    assert "Page not found" in response.text
    assert "0900" not in response.text
    assert "alert" not in response.text
