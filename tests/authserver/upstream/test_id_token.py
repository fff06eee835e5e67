"""Each check of an ID token, with what passes it and what does not."""

from typing import Any

import pytest

from tests.authserver.browser import answer_in
from tests.authserver.upstream.conftest import Bridge
from tests.authserver.upstream.openid_provider import CLIENT_ID, foreign_key
from tests.ledger import proves

NOW = 1_800_000_000


async def sign_in(bridge: Bridge) -> tuple[int, str]:
    """Sign in, and return the status and the detail of the refusal."""
    browser = bridge.harness.browser()
    client = (await bridge.harness.register())["client_id"]
    answer = await bridge.sign_in(browser, client)
    details = [one.facts["detail"] for one in bridge.harness.events if "detail" in one.facts]
    if answer.status_code == 303:
        assert "code" in answer_in(answer.headers["location"])
    return answer.status_code, "".join(details)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"azp": CLIENT_ID},
        {"iat": NOW - 590, "exp": NOW + 1},
        {"sub": "s" * 255},
    ],
)
@proves("S40", "accepts", "ID token checks")
async def test_an_id_token_that_keeps_the_rules_signs_in(
    bridge: Bridge, changed: dict[str, Any]
) -> None:
    bridge.provider.changed = changed

    assert (await sign_in(bridge))[0] == 303


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"iss": "https://evil.example"}, "iss="),
        ({"iss": "https://login.example/"}, "iss="),
        ({"iss": None}, "iss="),
        ({"aud": "another"}, "aud="),
        ({"aud": None}, "aud="),
        ({"aud": f"{CLIENT_ID}-2"}, "aud="),
        ({"aud": {CLIENT_ID: True}}, "aud="),
        ({"aud": [CLIENT_ID, "another"]}, "azp="),
        ({"azp": "another"}, "azp="),
        ({"exp": NOW - 61}, "exp="),
        ({"exp": str(NOW + 300)}, "exp="),
        ({"exp": True}, "exp="),
        ({"exp": None}, "exp="),
        ({"iat": NOW - 601}, "iat="),
        ({"iat": NOW + 61}, "iat="),
        ({"iat": None}, "iat="),
        ({"nonce": None}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": 1}, "nonce"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "s" * 256}, "sub"),
        ({"sub": 5}, "sub"),
        ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "ID token"),
    ],
)
@proves("S40", "refuses", "ID token checks")
async def test_an_id_token_that_breaks_a_rule_signs_nobody_in(
    bridge: Bridge, changed: dict[str, Any], detail: str
) -> None:
    bridge.provider.changed = changed

    status, said = await sign_in(bridge)

    assert status == 502
    assert detail in said
    assert "code.issued" not in bridge.harness.kinds()
    assert "sign-in.succeeded" not in bridge.harness.kinds()


@proves("S40", "refuses", "ID token checks")
async def test_an_id_token_of_another_key_signs_nobody_in(bridge: Bridge) -> None:
    bridge.provider.key = foreign_key()

    status, said = await sign_in(bridge)

    assert status == 502
    assert "signature" in said


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ({"alg": "RS384", "kid": "1"}, "alg="),
        ({"alg": "PS256", "kid": "1"}, "alg="),
        ({"alg": "RS256", "kid": "2"}, "kid="),
        ({"alg": "RS256", "kid": "1", "typ": "at+jwt"}, "typ="),
        ({"alg": "RS256", "kid": "1", "typ": "logout+jwt"}, "typ="),
    ],
)
async def test_a_header_of_another_kind_of_token_signs_nobody_in(
    bridge: Bridge, header: dict[str, Any], detail: str
) -> None:
    bridge.provider.header = header

    status, said = await sign_in(bridge)

    assert status == 502
    assert detail in said


@pytest.mark.parametrize(("named", "status"), [("PS256", 303), ("RS384", 502), ("none", 502)])
async def test_an_algorithm_counts_if_the_provider_says_that_it_signs_with_it(
    bridge: Bridge, named: str, status: int
) -> None:
    bridge.provider.metadata = {"id_token_signing_alg_values_supported": [named, "HS256"]}
    bridge.provider.header = {"alg": "PS256", "kid": "1"}

    assert (await sign_in(bridge))[0] == status


@pytest.mark.parametrize("id_token", [None, "", "a.b.c", "not a token"])
async def test_without_an_id_token_nobody_is_signed_in(
    bridge: Bridge, id_token: str | None
) -> None:
    bridge.provider.response = {"id_token": id_token}

    assert (await sign_in(bridge))[0] == 502
