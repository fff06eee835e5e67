"""ID tokens: what they say, verified by libraries that others wrote."""

from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from doorward.errors import TokenRejected
from doorward.tokens import Verifier
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import AuthServerHarness, claims_of
from tests.authserver.openid.conftest import NONCE, Application


async def keys_of(harness: AuthServerHarness) -> dict[str, Any]:
    found: dict[str, Any] = (await harness.http.get(harness.url("/jwks.json"))).json()
    return found


def guard_of(harness: AuthServerHarness, clock: StoppedClock) -> Verifier:
    """Return what an MCP server of this issuer verifies tokens with."""
    return Verifier([harness.server.trusted_issuer(harness.resource)], clock=clock)


# joserfc calls EdDSA deprecated in favour of a name that clients do not use yet.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_joserfc_and_pyjwt_verify_an_id_token(
    start_authserver: StartAuthServer, algorithm: str
) -> None:
    harness = await start_authserver(openid=True, signing_algorithm=algorithm)
    application = Application(harness, (await harness.register())["client_id"])

    tokens = await application.sign_in()
    token, keys = tokens.body["id_token"], await keys_of(harness)

    decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=[algorithm])  # type: ignore[arg-type]
    again = pyjwt.decode(
        token,
        pyjwt.PyJWK(keys["keys"][0]),
        algorithms=[algorithm],
        audience=application.client_id,
        issuer=harness.issuer,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert decoded.claims == again
    assert decoded.header["typ"] == "JWT"


async def test_an_id_token_says_who_signed_in_when_and_how(
    application: Application, clock: StoppedClock
) -> None:
    tokens = await application.sign_in()

    claims = claims_of(tokens.body["id_token"])
    alice = await application.harness.server.users.find("alice")
    assert alice is not None
    assert claims == {
        "iss": application.harness.issuer,
        "sub": alice.id,
        "aud": application.client_id,
        "iat": int(clock()),
        "exp": int(clock()) + 600,
        "auth_time": int(clock()),
        "amr": ["pwd"],
        "nonce": NONCE,
    }
    assert tokens.body["scope"] == "email openid profile"


async def test_the_subject_is_the_same_for_every_application_and_says_nothing(
    provider: AuthServerHarness,
) -> None:
    subjects = set()
    for _ in range(2):
        application = Application(provider, (await provider.register())["client_id"])
        tokens = await application.sign_in()
        subjects.add(claims_of(tokens.body["id_token"])["sub"])

    (subject,) = subjects
    assert "alice" not in subject
    assert len(subject) == 36


async def test_a_refreshed_id_token_keeps_subject_audience_and_time_and_has_no_nonce(
    application: Application, clock: StoppedClock
) -> None:
    tokens = await application.sign_in()
    clock.advance(300)

    again = await application.harness.refresh(application.client_id, tokens.refresh)

    first, second = claims_of(tokens.body["id_token"]), claims_of(again.body["id_token"])
    assert "nonce" not in second
    assert second["iat"] == first["iat"] + 300
    for name in ("iss", "sub", "aud", "auth_time", "amr"):
        assert second[name] == first[name]


async def test_tokens_that_are_refreshed_without_openid_come_without_an_id_token(
    application: Application,
) -> None:
    tokens = await application.sign_in()

    again = await application.harness.refresh(
        application.client_id, tokens.refresh, scope="profile"
    )

    assert again.body["scope"] == "profile"
    assert "id_token" not in again.body
    refused = await application.userinfo(again.access)
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


async def test_a_nonce_is_that_of_its_own_request(application: Application) -> None:
    browser = application.harness.browser()
    await application.sign_in(browser)

    again = await application.sign_in(browser, nonce="another")
    without = await application.sign_in(browser, without="nonce")

    assert claims_of(again.body["id_token"])["nonce"] == "another"
    assert "nonce" not in claims_of(without.body["id_token"])


async def test_a_code_of_another_client_brings_no_id_token(
    provider: AuthServerHarness, application: Application
) -> None:
    other = Application(provider, (await provider.register())["client_id"])
    code = (await application.answer())["code"]

    stolen = await other.redeem(code)
    mine = await application.redeem(code)

    assert stolen.body["error"] == "invalid_grant"
    assert claims_of(mine.body["id_token"])["aud"] == application.client_id


async def test_an_id_token_is_no_access_token_anywhere(
    provider: AuthServerHarness, application: Application, clock: StoppedClock
) -> None:
    tokens = await application.sign_in()
    id_token = tokens.body["id_token"]

    with pytest.raises(TokenRejected) as refused:
        await guard_of(provider, clock).verify(id_token.encode())
    at_userinfo = await application.userinfo(id_token)

    assert refused.value.code == "wrong-type"
    assert at_userinfo.status_code == 401
    assert provider.server.services.access_tokens.read(id_token) is None


async def test_an_access_token_of_a_sign_in_opens_no_mcp_server(
    provider: AuthServerHarness, application: Application, clock: StoppedClock
) -> None:
    tokens = await application.sign_in()
    claims = claims_of(tokens.access)

    with pytest.raises(TokenRejected) as refused:
        await guard_of(provider, clock).verify(tokens.access.encode())

    assert refused.value.code == "wrong-audience"
    assert claims["aud"] == provider.issuer
    # What the scopes do not give is not in the token either.
    assert claims.keys().isdisjoint({"roles", "name", "preferred_username", "email"})
