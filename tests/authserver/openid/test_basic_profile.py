"""
Rows of the basic profile of the OpenID Foundation's conformance suite, by their names.

PKCE is in every request, because this server requires it. Three rows do not apply: the claims of
``address`` and ``phone`` are not supported, and ``oidcc-prompt-none-logged-in`` gets
``consent_required``, because each code needs a click.
"""

from typing import Any

import pytest

from tests.authserver.conftest import StoppedClock
from tests.authserver.harness import VERIFIER, claims_of
from tests.authserver.openid.conftest import Application

SUCCEEDS: dict[str, dict[str, Any]] = {
    "oidcc-server": {},
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": {"without": "nonce"},
    "oidcc-scope-profile": {"scope": "openid profile"},
    "oidcc-scope-email": {"scope": "openid email"},
    "oidcc-scope-all": {"scope": "openid profile email address phone"},
    "oidcc-ensure-other-scope-order-succeeds": {"scope": "email openid"},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-prompt-login": {"prompt": "login"},
    "oidcc-max-age-10000": {"max_age": "10000"},
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "oidcc-login-hint": {"login_hint": "alice@example.com"},
    "oidcc-ui-locales": {"ui_locales": "se"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-ensure-request-with-acr-values-succeeds": {"acr_values": "1 2"},
    "oidcc-ensure-request-with-valid-pkce-succeeds": {},
}


@pytest.mark.parametrize("row", SUCCEEDS)
async def test_a_request_of_the_basic_profile_succeeds(application: Application, row: str) -> None:
    tokens = await application.sign_in(**SUCCEEDS[row])

    claims = claims_of(tokens.body["id_token"])
    userinfo = (await application.userinfo(tokens.access)).json()
    assert claims["sub"] == userinfo["sub"]
    assert "auth_time" in claims


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "oidcc-response-type-missing": ({"without": "response_type"}, "invalid_request"),
    "oidcc-prompt-none-not-logged-in": ({"prompt": "none"}, "login_required"),
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": (
        {"request": "eyJhbGciOiJub25lIn0.e30."},
        "invalid_request",
    ),
}


@pytest.mark.parametrize("row", REFUSED)
async def test_a_request_of_the_basic_profile_is_refused(
    application: Application, row: str
) -> None:
    changes, error = REFUSED[row]

    answer = await application.answer(**changes)

    assert answer["error"] == error
    assert answer["state"] == "st&te ü"


@pytest.mark.parametrize(
    ("row", "later"), [("oidcc-codereuse", 0), ("oidcc-codereuse-30seconds", 30)]
)
async def test_a_code_that_is_used_again_ends_what_it_brought(
    application: Application, clock: StoppedClock, row: str, later: float
) -> None:
    code = (await application.answer())["code"]
    first = await application.redeem(code)
    clock.advance(later)

    again = await application.redeem(code)

    assert again.body["error"] == "invalid_grant", row
    assert (await application.userinfo(first.access)).status_code == 401


async def test_oidcc_ensure_registered_redirect_uri(application: Application) -> None:
    url = application.url(redirect_uri="https://rp.example/not-registered")

    page = await application.harness.browser().open(url)

    assert page.status_code == 400
    assert "location" not in page.headers


@pytest.mark.parametrize("verifier", [VERIFIER[::-1], None])
async def test_a_code_without_its_verifier_brings_no_id_token(
    application: Application, verifier: str | None
) -> None:
    code = (await application.answer())["code"]

    refused = await application.redeem(code, code_verifier=verifier or "")

    assert "id_token" not in refused.body
    assert "id_token" in (await application.redeem(code)).body
