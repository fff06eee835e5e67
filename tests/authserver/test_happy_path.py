"""One complete flow: register, authorize, sign in, consent, code, token, refresh."""

from tests.authserver.browser import answer_in
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness, claims_of


async def test_a_client_registers_signs_somebody_in_and_refreshes(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    browser = harness.browser()

    page = await browser.open(harness.authorize_url(client["client_id"]))
    assert page.status_code == 200, page.text
    consent = await browser.sign_in(page, "alice", PASSWORD)
    assert consent.status_code == 200, consent.text
    answer = await browser.decide(consent)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(CALLBACK + "?")
    members = answer_in(answer.headers["location"])
    assert members["state"] == "st&te ü"
    assert members["iss"] == harness.issuer

    tokens = await harness.token(harness.code_fields(client["client_id"], members["code"]))
    assert tokens.response.status_code == 200, tokens.response.text
    assert tokens.body["scope"] == "mcp:read mcp:tools"
    claims = claims_of(tokens.access)
    assert claims["aud"] == harness.resource
    assert claims["iss"] == harness.issuer
    assert claims["client_id"] == client["client_id"]

    again = await harness.refresh(client["client_id"], tokens.refresh)
    assert again.response.status_code == 200, again.response.text
    assert again.refresh != tokens.refresh
