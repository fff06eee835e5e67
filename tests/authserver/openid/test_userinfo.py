"""The userinfo endpoint: what it tells, and to whom."""

from typing import Any

import pytest

from tests.authserver.harness import AuthServerHarness, claims_of
from tests.authserver.openid.conftest import ALICE, Application


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_tells_what_the_scopes_give(application: Application, method: str) -> None:
    tokens = await application.sign_in()

    told = await application.userinfo(tokens.access, method=method)

    assert told.status_code == 200
    assert told.headers["cache-control"] == "no-store"
    assert told.json() == {
        "sub": claims_of(tokens.body["id_token"])["sub"],
        "preferred_username": "alice",
        "name": "Alice",
        "email": ALICE,
        "email_verified": True,
    }


async def test_userinfo_tells_no_more_than_the_scopes_give(application: Application) -> None:
    tokens = await application.sign_in(scope="openid")

    told = await application.userinfo(tokens.access)

    assert told.json() == {"sub": claims_of(tokens.body["id_token"])["sub"]}


async def test_a_user_without_an_address_grants_none(application: Application) -> None:
    tokens = await application.sign_in(user="guest")

    told = await application.userinfo(tokens.access)

    assert tokens.body["scope"] == "openid profile"
    assert "email" not in told.json()


async def test_a_token_for_an_mcp_server_tells_nobody_who_the_user_is(
    provider: AuthServerHarness, application: Application
) -> None:
    tokens = await provider.tokens((await provider.register())["client_id"])

    refused = await application.userinfo(tokens.access)

    assert refused.status_code == 401
    assert 'Bearer error="invalid_token"' in refused.headers["www-authenticate"]
    assert refused.json()["error"] == "invalid_token"


async def test_a_request_without_a_token_is_told_how_to_send_one(application: Application) -> None:
    refused = await application.userinfo("", headers={})

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("place", ["query", "body", "basic", "twice"])
async def test_a_token_anywhere_else_than_in_one_header_is_not_read(
    application: Application, place: str
) -> None:
    token = (await application.sign_in()).access
    changes: dict[str, dict[str, Any]] = {
        "query": {"headers": {}, "params": {"access_token": token}},
        "body": {"headers": {}, "method": "POST", "data": {"access_token": token}},
        "basic": {"headers": {"Authorization": f"Basic {token}"}},
        "twice": {"headers": [("Authorization", f"Bearer {token}")] * 2},
    }

    refused = await application.userinfo(token, **changes[place])

    assert refused.status_code == 401


async def test_a_token_that_was_revoked_or_is_over_tells_nothing(
    application: Application,
) -> None:
    harness = application.harness
    kept, ended = await application.sign_in(), await application.sign_in()
    await harness.http.post(
        harness.url("/revoke"),
        data={"token": ended.refresh, "client_id": application.client_id},
    )

    assert (await application.userinfo(ended.access)).status_code == 401
    assert (await application.userinfo(kept.access)).status_code == 200
    await harness.server.users.disable("alice")
    assert (await application.userinfo(kept.access)).status_code == 401


async def test_a_server_that_is_no_openid_provider_has_no_userinfo(
    harness: AuthServerHarness,
) -> None:
    answer = await harness.http.get(harness.url("/userinfo"))

    assert answer.status_code == 404
