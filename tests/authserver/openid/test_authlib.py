"""Applications sign users in with Authlib, which checks everything that a relying party has to."""

import time
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from authlib.integrations.base_client.errors import MismatchingStateError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError

from doorward.authserver.settings.configured_client import ConfiguredClient
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness

SECRET = "f3w9Qe7rTy1uIo5pAs8dFg2hJk4lZx6c"
WIKI = ConfiguredClient(
    client_id="wiki", secret=SECRET, auth_method="client_secret_basic", redirect_uris=(CALLBACK,)
)


def relying_party(harness: AuthServerHarness, **changes: Any) -> Any:
    """Return the client that a web application makes with one call."""
    settings: dict[str, Any] = {
        "client_id": "wiki",
        "client_secret": SECRET,
        "server_metadata_url": harness.url("/.well-known/openid-configuration"),
        "client_kwargs": {
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "transport": httpx2.ASGITransport(app=harness.app),
        },
    }
    return OAuth().register("doorward", **{**settings, **changes})


class WebRequest(SimpleNamespace):
    """What Authlib reads of a request to the application: its session, and the callback."""

    def __init__(self, session: dict[str, Any], **query: str) -> None:
        super().__init__(session=session, query_params=query, method="GET", scope={})

    def url_for(self, name: str) -> str:
        return name


@pytest.fixture
async def harness(start_authserver: StartAuthServer, clock: StoppedClock) -> AuthServerHarness:
    # Authlib compares iat with the clock of the machine.
    clock.now = time.time()
    started: AuthServerHarness = await start_authserver(
        openid=True, clients=(WIKI,), signing_algorithm="RS256"
    )
    email = "alice@example.com"
    await started.server.users.add("alice", PASSWORD, (), (), "Alice", email)
    return started


async def signed_in(harness: AuthServerHarness, party: Any, session: dict[str, Any]) -> Any:
    """Send alice to the provider, and return the parameters of the callback."""
    redirect = await party.authorize_redirect(WebRequest(session), CALLBACK)
    url = redirect.headers["location"]
    back = await harness.browser().go_through(url, "alice", PASSWORD)
    return answer_in(back.headers["location"])


async def test_authlib_signs_a_user_in_and_reads_who_it_is(harness: AuthServerHarness) -> None:
    party, session = relying_party(harness), dict[str, Any]()

    answer = await signed_in(harness, party, session)
    token = await party.authorize_access_token(WebRequest(session, **answer))
    userinfo = await party.userinfo(token=token)

    alice = await harness.server.users.find("alice")
    assert alice is not None
    assert token["userinfo"]["sub"] == userinfo["sub"] == alice.id
    assert userinfo["email"] == "alice@example.com"
    assert answer["iss"] == harness.issuer


async def test_authlib_refreshes_and_gets_an_id_token_again(harness: AuthServerHarness) -> None:
    party, session = relying_party(harness), dict[str, Any]()
    answer = await signed_in(harness, party, session)
    token = await party.authorize_access_token(WebRequest(session, **answer))

    async with party._get_oauth_client(**await party.load_server_metadata()) as client:
        again = await client.refresh_token(
            harness.url("/token"), refresh_token=token["refresh_token"]
        )

    claims = await party.parse_id_token(again, nonce=None)
    assert claims["sub"] == token["userinfo"]["sub"]


async def test_authlib_refuses_the_answer_of_another_sign_in(harness: AuthServerHarness) -> None:
    party, session, other = relying_party(harness), dict[str, Any](), dict[str, Any]()
    mine, theirs = await signed_in(harness, party, session), await signed_in(harness, party, other)

    with pytest.raises(MismatchingStateError):
        await party.authorize_access_token(WebRequest(session, **theirs))
    token = await party.authorize_access_token(WebRequest(session, **mine))

    # The nonce of the ID token is that of one request, too.
    with pytest.raises(JoseError):
        await party.parse_id_token(token, nonce="of another sign-in")
