"""Refresh tokens: spent once, answered again when the answer was lost, never forked."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from doorward.authserver.settings import Resource
from doorward.authserver.store.schema import refresh_tokens
from tests.authserver.conftest import Opening, StoppedClock
from tests.authserver.test_code_grant import RESOURCE_SERVER, is_active
from tests.authserver.world import RESOURCE, SCOPES, World, claims_of
from tests.ledger import proves


async def rows(world: World, *conditions: Any) -> int:
    async with world.server.services.store.reading() as connection:
        query = select(func.count()).select_from(refresh_tokens).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


@proves("S95", "accepts")
async def test_a_refresh_may_ask_for_less_and_is_told_what_it_got(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)

    narrow = await world.refresh(client, tokens.refresh, scope="mcp:read")
    full = await world.refresh(client, narrow.refresh)

    assert narrow.body["scope"] == "mcp:read"
    assert claims_of(narrow.access)["scope"] == "mcp:read"
    assert full.body["scope"] == "mcp:read mcp:tools"


@proves("S95", "refuses")
@pytest.mark.parametrize(
    "scope", ["mcp:read mcp:tools", "mcp:admin", "openid", "mcp:read unknown", 'a"b']
)
async def test_a_refresh_cannot_ask_for_more(world: World, scope: str) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client, scope="mcp:read")

    refused = await world.refresh(client, tokens.refresh, scope=scope)

    assert refused.body["error"] == "invalid_scope"
    # And nothing was spent by asking.
    assert (await world.refresh(client, tokens.refresh)).body["scope"] == "mcp:read"


@proves("S93", "refuses")
async def test_a_refresh_cannot_name_another_resource(open_world: Opening) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    world = await open_world(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)

    refused = await world.refresh(client, tokens.refresh, resource=other.uri)

    assert refused.body["error"] == "invalid_target"
    same = await world.refresh(client, tokens.refresh, resource=RESOURCE)
    assert claims_of(same.access)["aud"] == RESOURCE


@proves("S96", "refuses")
@proves("S97", "refuses")
async def test_a_spent_token_after_its_successor_was_used_ends_everything(
    open_world: Opening,
) -> None:
    world = await open_world(clients=(RESOURCE_SERVER,))
    client = (await world.register())["client_id"]
    first = await world.tokens(client)
    second = await world.refresh(client, first.refresh)
    third = await world.refresh(client, second.refresh)
    assert await is_active(world, third.access)

    reused = await world.refresh(client, first.refresh)

    assert reused.body["error"] == "invalid_grant"
    assert "refresh.reused" in world.kinds()
    for tokens in (first, second, third):
        assert not await is_active(world, tokens.access)
        refused = await world.refresh(client, tokens.refresh)
        assert refused.body["error"] == "invalid_grant"


@proves("S96", "accepts")
async def test_a_chain_of_refreshes_goes_on(world: World, clock: StoppedClock) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)

    for _ in range(5):
        clock.advance(500)
        tokens = await world.refresh(client, tokens.refresh)
        assert tokens.response.status_code == 200
    assert "refresh.reused" not in world.kinds()


@proves("S97", "accepts")
async def test_a_lost_answer_is_given_again_word_for_word(
    world: World, clock: StoppedClock
) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    first = await world.refresh(client, tokens.refresh)
    clock.advance(30)

    again = await world.refresh(client, tokens.refresh)

    assert again.response.content == first.response.content
    assert (await world.refresh(client, again.refresh)).response.status_code == 200


@proves("S97", "refuses")
async def test_a_retry_that_asks_for_something_else_is_no_retry(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    first = await world.refresh(client, tokens.refresh, scope="mcp:read")

    other = await world.refresh(client, tokens.refresh)

    assert not other.response.is_success
    assert (await world.refresh(client, first.refresh)).response.status_code == 200


@proves("S97", "refuses")
@pytest.mark.parametrize("seconds", [31, 3600, -1])
async def test_outside_the_grace_window_a_spent_token_is_a_copy(
    world: World, clock: StoppedClock, seconds: float
) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    first = await world.refresh(client, tokens.refresh)
    clock.advance(seconds)

    reused = await world.refresh(client, tokens.refresh)

    assert reused.body["error"] == "invalid_grant"
    assert (await world.refresh(client, first.refresh)).body["error"] == "invalid_grant"


@proves("S98", "refuses")
@proves("S98", "accepts")
async def test_many_refreshes_at_once_end_in_one_family(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)

    answers = await asyncio.gather(*(world.refresh(client, tokens.refresh) for _ in range(20)))

    bodies = {answer.response.content for answer in answers}
    assert [answer.response.status_code for answer in answers] == [200] * 20
    assert len(bodies) == 1
    assert await rows(world, refresh_tokens.c.rotated_at.is_(None)) == 1
    assert (await world.refresh(client, answers[0].refresh)).response.status_code == 200


@proves("S99", "refuses")
async def test_another_clients_token_does_not_exist(world: World) -> None:
    client, other = (await world.register())["client_id"], (await world.register())["client_id"]
    tokens = await world.tokens(client)

    stolen = await world.refresh(other, tokens.refresh)
    unknown = await world.refresh(other, "x" * 43)

    assert stolen.response.content == unknown.response.content
    assert stolen.body["error"] == "invalid_grant"
    assert (await world.refresh(client, tokens.refresh)).response.status_code == 200


async def test_a_client_without_the_grant_type_cannot_refresh(world: World) -> None:
    client = (await world.register(grant_types=["authorization_code"]))["client_id"]

    refused = await world.refresh(client, "x" * 43)

    assert refused.body["error"] == "unauthorized_client"
