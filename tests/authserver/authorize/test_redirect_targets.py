"""Which redirect URIs the authorization endpoint redirects to."""

from typing import Any

import pytest

from tests.authserver.browser import answer_in
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness
from tests.ledger import proves


@proves("S11", "refuses", "no redirect before the client is proven")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_id": "nobody"}, id="unknown-client"),
        pytest.param({"without": "client_id"}, id="no-client"),
        pytest.param({"redirect_uri": "https://evil.example/"}, id="foreign-address"),
        pytest.param({"redirect_uri": CALLBACK + "/"}, id="trailing-slash"),
        pytest.param({"redirect_uri": "javascript:alert(1)"}, id="javascript"),
        pytest.param(
            {"redirect_uri": "https://evil.example/", "response_type": "token"}, id="bad-type"
        ),
        pytest.param({"redirect_uri": "https://evil.example/", "scope": "%%%"}, id="bad-scope"),
        pytest.param({"redirect_uri": "https://evil.example/", "prompt": "none"}, id="prompt-none"),
    ],
)
async def test_an_unregistered_redirect_uri_gets_an_error_page(
    harness: AuthServerHarness, changes: dict[str, Any]
) -> None:
    client = await harness.register()

    response = await harness.http.get(harness.authorize_url(client["client_id"], **changes))

    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@proves("S12", "refuses", "redirect URIs match exactly")
@pytest.mark.parametrize(
    "requested",
    [
        "https://app.example/CB",
        "https://app.example/cb/",
        "https://app.example/cb?x",
        "https://app.example/x/%2e%2e/cb",
        "https://app.example/..;/cb",
        "https://u@app.example/cb",
        "https://app.example:443/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/cb\t",
    ],
)
async def test_a_redirect_uri_that_is_almost_the_registered_one_is_refused(
    harness: AuthServerHarness, requested: str
) -> None:
    client = await harness.register(redirect_uris=["https://app.example/cb"])

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], redirect_uri=requested)
    )

    assert response.status_code == 400
    assert "location" not in response.headers


@proves("S12", "accepts", "redirect URIs match exactly")
async def test_the_query_of_the_registered_redirect_uri_is_kept(
    harness: AuthServerHarness,
) -> None:
    uri = "https://app.example/cb?tenant=a%20b"
    client = await harness.register(redirect_uris=[uri])

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], redirect_uri=uri, prompt="none")
    )

    assert response.headers["location"].startswith(uri + "&error=login_required&")


@proves("S13", "accepts", "loopback redirects may change the port")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_a_loopback_redirect_uri_may_have_any_port(
    harness: AuthServerHarness, host: str
) -> None:
    client = await harness.register(redirect_uris=[f"http://{host}:3000/cb"])

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], redirect_uri=f"http://{host}:51234/cb")
    )

    assert response.status_code == 200


@proves("S13", "refuses", "loopback redirects may change the port")
@pytest.mark.parametrize(
    "requested",
    [
        "http://localhost.evil.example:3000/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.1:3000/cb",
        "http://[::ffff:127.0.0.1]:3000/cb",
        "http://127.0.0.1:3000/other",
        "http://127.0.0.1:3000/cb?x=1",
        "https://127.0.0.1:3000/cb",
    ],
)
async def test_a_loopback_redirect_uri_may_differ_only_in_its_port(
    harness: AuthServerHarness, requested: str
) -> None:
    client = await harness.register(redirect_uris=["http://127.0.0.1:3000/cb"])

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], redirect_uri=requested)
    )

    assert response.status_code == 400


@proves("S14", "accepts", "an omitted redirect URI")
async def test_an_omitted_redirect_uri_is_the_only_registered_one(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    url = harness.authorize_url(client["client_id"], without="redirect_uri")

    response = await harness.browser().go_through(url, "alice", PASSWORD)

    code = answer_in(response.headers["location"])["code"]
    assert response.headers["location"].startswith(CALLBACK)
    fields = harness.code_fields(client["client_id"], code, redirect_uri=None)
    assert (await harness.token(fields)).response.status_code == 200


@proves("S14", "refuses", "an omitted redirect URI")
async def test_an_omitted_redirect_uri_is_not_guessed_among_several(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(redirect_uris=[CALLBACK, "https://app.example/cb"])

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], without="redirect_uri")
    )

    assert response.status_code == 400
    assert "location" not in response.headers


@proves("S14", "refuses", "an omitted redirect URI")
async def test_an_omitted_redirect_uri_does_not_let_the_token_request_name_another(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"], without="redirect_uri")

    fields = harness.code_fields(client["client_id"], code, redirect_uri="https://evil.example/")

    assert (await harness.token(fields)).body["error"] == "invalid_grant"


@proves("S23", "accepts", "redirects are 302 or 303")
@proves("S24", "accepts", "security headers at authorize")
async def test_a_code_is_sent_with_a_303_that_is_not_cached(harness: AuthServerHarness) -> None:
    client = await harness.register()
    browser = harness.browser()
    page = await browser.open(harness.authorize_url(client["client_id"]))
    consent = await browser.sign_in(page, "alice", PASSWORD)

    response = await browser.decide(consent)

    assert response.status_code == 303
    for shown in (page, consent, response):
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["x-content-type-options"] == "nosniff"


@proves("S23", "refuses", "redirects are 302 or 303")
@proves("S24", "refuses", "security headers at authorize")
async def test_an_error_is_sent_with_a_303_that_is_not_cached(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], response_type="token")
    )

    assert response.status_code == 303
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/authorize/", "/token/", "/register/"])
async def test_no_address_redirects_to_itself_with_another_slash(
    harness: AuthServerHarness, path: str
) -> None:
    assert (await harness.http.get(path)).status_code == 404
