"""``sign_in_as``: clients without a user, only on this machine."""

import pytest

from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import AuthServerHarness


@pytest.fixture
async def headless(start_authserver: StartAuthServer) -> AuthServerHarness:
    opened: AuthServerHarness = await start_authserver(sign_in_as="alice")
    return opened


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.0.0.5"])
async def test_a_client_on_this_machine_gets_a_code_at_once(
    headless: AuthServerHarness, peer: str
) -> None:
    client = await headless.register()

    response = await headless.browser(peer).http.get(headless.authorize_url(client["client_id"]))

    code = answer_in(response.headers["location"])["code"]
    tokens = await headless.token(headless.code_fields(client["client_id"], code))
    assert tokens.body["scope"] == "mcp:read mcp:tools"
    again = await headless.refresh(client["client_id"], tokens.refresh)
    assert again.response.status_code == 200


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "unix", "::ffff:10.0.0.1"])
async def test_a_remote_peer_is_not_signed_in(headless: AuthServerHarness, peer: str) -> None:
    client = await headless.register()

    response = await headless.browser(peer).http.get(headless.authorize_url(client["client_id"]))

    assert answer_in(response.headers["location"])["error"] == "access_denied"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_a_request_through_a_local_proxy_is_not_signed_in(
    headless: AuthServerHarness, header: str
) -> None:
    client = await headless.register()

    response = await headless.http.get(
        headless.authorize_url(client["client_id"]), headers={header: "127.0.0.1"}
    )

    assert answer_in(response.headers["location"])["error"] == "access_denied"


async def test_the_code_is_sent_only_to_a_loopback_redirect_uri(
    headless: AuthServerHarness,
) -> None:
    uri = "https://evil.example/cb"
    client = await headless.register(redirect_uris=[uri])

    response = await headless.http.get(
        headless.authorize_url(client["client_id"], redirect_uri=uri)
    )

    assert answer_in(response.headers["location"])["error"] == "access_denied"


async def test_a_user_who_does_not_exist_is_not_signed_in(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(sign_in_as="nobody")
    client = await harness.register()

    response = await harness.http.get(harness.authorize_url(client["client_id"]))

    assert answer_in(response.headers["location"])["error"] == "access_denied"
