"""
Registration at an OpenID provider: the algorithm that signs ID tokens.

Two rows are of the conformance suite of the OpenID Foundation, by their names.
"""

import jwt
import pytest

from tests.authserver.conftest import SQLITE_ONLY, StartAuthServer
from tests.authserver.harness import CALLBACK, AuthServerHarness
from tests.authserver.openid.conftest import Application

MEMBER = "id_token_signed_response_alg"


async def refused(harness: AuthServerHarness, algorithm: object) -> str:
    """Return why a registration with that algorithm is refused."""
    document = {"redirect_uris": [CALLBACK], MEMBER: algorithm}
    response = await harness.http.post(harness.url("/register"), json=document)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_client_metadata"
    return str(response.json()["error_description"])


@SQLITE_ONLY
async def test_oidcc_idtoken_rs256(start_authserver: StartAuthServer) -> None:
    harness = await start_authserver(openid=True, signing_algorithm="RS256")
    registered = await harness.register(**{MEMBER: "RS256"})

    tokens = await Application(harness, registered["client_id"]).sign_in()

    assert registered[MEMBER] == "RS256"
    assert jwt.get_unverified_header(tokens.body["id_token"])["alg"] == "RS256"


@pytest.mark.parametrize("algorithm", ["none", "RS256", "HS256", "es256", 256])
async def test_oidcc_idtoken_unsigned_and_other_algorithms_are_refused(
    provider: AuthServerHarness, algorithm: object
) -> None:
    assert MEMBER in await refused(provider, algorithm)


async def test_a_client_that_names_none_learns_the_algorithm(provider: AuthServerHarness) -> None:
    # It would otherwise expect the default, which is RS256.
    assert (await provider.register())[MEMBER] == "ES256"


async def test_a_server_without_id_tokens_ignores_the_algorithm(harness: AuthServerHarness) -> None:
    assert MEMBER not in await harness.register(**{MEMBER: "RS256"})
