"""Refresh tokens are used once, a lost response can be repeated, and no two successors exist."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from doorward.authserver.settings.resource import Resource
from doorward.authserver.store.schema import refresh_tokens
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import RESOURCE, SCOPES, AuthServerHarness, claims_of
from tests.authserver.token.test_code_grant import RESOURCE_SERVER, is_active
from tests.ledger import proves


async def rows(harness: AuthServerHarness, *conditions: Any) -> int:
    async with harness.server.services.store.reading() as connection:
        query = select(func.count()).select_from(refresh_tokens).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


@proves("S95", "accepts", "scope may only narrow")
async def test_a_refresh_may_request_fewer_scopes(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    narrow = await harness.refresh(client, tokens.refresh, scope="mcp:read")
    full = await harness.refresh(client, narrow.refresh)

    assert narrow.body["scope"] == "mcp:read"
    assert claims_of(narrow.access)["scope"] == "mcp:read"
    assert full.body["scope"] == "mcp:read mcp:tools"


@proves("S95", "refuses", "scope may only narrow")
@pytest.mark.parametrize(
    "scope", ["mcp:read mcp:tools", "mcp:admin", "openid", "mcp:read unknown", 'a"b']
)
async def test_a_refresh_cannot_request_more_scopes(harness: AuthServerHarness, scope: str) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client, scope="mcp:read")

    refused = await harness.refresh(client, tokens.refresh, scope=scope)

    assert refused.body["error"] == "invalid_scope"
    # And nothing was spent by asking.
    assert (await harness.refresh(client, tokens.refresh)).body["scope"] == "mcp:read"


@proves("S93", "refuses", "resource may only narrow")
async def test_a_refresh_cannot_name_another_resource(start_authserver: StartAuthServer) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    harness = await start_authserver(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    refused = await harness.refresh(client, tokens.refresh, resource=other.uri)

    assert refused.body["error"] == "invalid_target"
    same = await harness.refresh(client, tokens.refresh, resource=RESOURCE)
    assert claims_of(same.access)["aud"] == RESOURCE


@proves("S96", "refuses", "refresh reuse revokes the family")
@proves("S97", "refuses", "grace for a lost answer")
async def test_a_used_refresh_token_revokes_the_grant_once_its_successor_was_used(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(clients=(RESOURCE_SERVER,))
    client = (await harness.register())["client_id"]
    first = await harness.tokens(client)
    second = await harness.refresh(client, first.refresh)
    third = await harness.refresh(client, second.refresh)
    assert await is_active(harness, third.access)

    reused = await harness.refresh(client, first.refresh)

    assert reused.body["error"] == "invalid_grant"
    assert "refresh.reused" in harness.kinds()
    for tokens in (first, second, third):
        assert not await is_active(harness, tokens.access)
        refused = await harness.refresh(client, tokens.refresh)
        assert refused.body["error"] == "invalid_grant"


@proves("S96", "accepts", "refresh reuse revokes the family")
async def test_each_refresh_token_can_be_refreshed_in_turn(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    for _ in range(5):
        clock.advance(500)
        tokens = await harness.refresh(client, tokens.refresh)
        assert tokens.response.status_code == 200
    assert "refresh.reused" not in harness.kinds()


@proves("S97", "accepts", "grace for a lost answer")
async def test_a_repeated_refresh_gets_the_same_response(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    first = await harness.refresh(client, tokens.refresh)
    clock.advance(30)

    again = await harness.refresh(client, tokens.refresh)

    assert again.response.content == first.response.content
    assert (await harness.refresh(client, again.refresh)).response.status_code == 200


@proves("S97", "refuses", "grace for a lost answer")
async def test_a_repeated_refresh_with_other_parameters_is_reuse(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    first = await harness.refresh(client, tokens.refresh, scope="mcp:read")

    other = await harness.refresh(client, tokens.refresh)

    assert not other.response.is_success
    assert (await harness.refresh(client, first.refresh)).response.status_code == 200


@proves("S97", "refuses", "grace for a lost answer")
@pytest.mark.parametrize("seconds", [31, 3600, -61])
async def test_after_the_grace_period_a_used_token_is_reuse(
    harness: AuthServerHarness, clock: StoppedClock, seconds: float
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    first = await harness.refresh(client, tokens.refresh)
    clock.advance(seconds)

    reused = await harness.refresh(client, tokens.refresh)

    assert reused.body["error"] == "invalid_grant"
    assert (await harness.refresh(client, first.refresh)).body["error"] == "invalid_grant"


@proves("S98", "refuses", "concurrent refreshes do not fork")
@proves("S98", "accepts", "concurrent refreshes do not fork")
async def test_concurrent_refreshes_make_one_successor(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    answers = await asyncio.gather(*(harness.refresh(client, tokens.refresh) for _ in range(20)))

    bodies = {answer.response.content for answer in answers}
    assert [answer.response.status_code for answer in answers] == [200] * 20
    assert len(bodies) == 1
    assert await rows(harness, refresh_tokens.c.rotated_at.is_(None)) == 1
    assert (await harness.refresh(client, answers[0].refresh)).response.status_code == 200


@proves("S99", "refuses", "refresh tokens end")
async def test_another_clients_refresh_token_is_refused_as_unknown(
    harness: AuthServerHarness,
) -> None:
    client, other = (await harness.register())["client_id"], (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    stolen = await harness.refresh(other, tokens.refresh)
    unknown = await harness.refresh(other, "x" * 43)

    assert stolen.response.content == unknown.response.content
    assert stolen.body["error"] == "invalid_grant"
    assert (await harness.refresh(client, tokens.refresh)).response.status_code == 200


async def test_a_client_without_the_grant_type_cannot_refresh(harness: AuthServerHarness) -> None:
    client = (await harness.register(grant_types=["authorization_code"]))["client_id"]

    refused = await harness.refresh(client, "x" * 43)

    assert refused.body["error"] == "unauthorized_client"
