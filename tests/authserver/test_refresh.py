"""Refresh tokens: spent once, answered again when the answer was lost, never forked."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from doorward.authserver import consents
from doorward.authserver.settings import Lifetimes, Resource
from doorward.authserver.store.schema import grants, refresh_tokens
from tests.authserver.conftest import Opening, StoppedClock
from tests.authserver.test_code_grant import RESOURCE_SERVER, is_active
from tests.authserver.world import RESOURCE, SCOPES, World, claims_of
from tests.ledger import proves


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


async def rows(world: World, *conditions: Any) -> int:
    async with world.server.parts.store.reading() as connection:
        query = select(func.count()).select_from(refresh_tokens).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


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


@proves("S99", "refuses")
@proves("S105", "refuses")
async def test_a_token_that_is_idle_too_long_is_over_for_good(
    world: World, clock: StoppedClock
) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    clock.advance(14 * 86400)
    assert (await world.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"

    clock.advance(-86400)

    assert (await world.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"


@proves("S99", "refuses")
async def test_a_grant_is_over_however_often_it_was_refreshed(
    open_world: Opening, clock: StoppedClock
) -> None:
    world = await open_world(lifetimes=Lifetimes(refresh_absolute=10 * 86400))
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    for _ in range(4):
        clock.advance(2 * 86400)
        tokens = await world.refresh(client, tokens.refresh)
        assert tokens.response.status_code == 200

    clock.advance(2 * 86400)

    assert (await world.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"


@proves("S99", "accepts")
async def test_a_token_in_use_outlives_its_idle_time(world: World, clock: StoppedClock) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    for _ in range(3):
        clock.advance(13 * 86400)
        tokens = await world.refresh(client, tokens.refresh)

    assert tokens.response.status_code == 200


async def withdraw(world: World, client_id: str) -> None:
    user = await world.server.users.by_name("alice")
    assert user is not None
    async with world.server.parts.store.writing() as connection:
        await consents.withdraw(connection, user.id, client_id)


@proves("S100", "refuses")
@pytest.mark.parametrize(
    "what", ["user-removed", "user-disabled", "consent-withdrawn", "client-removed", "scopes-lost"]
)
async def test_whoever_may_no_longer_gets_no_more(world: World, what: str) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    users = world.server.users
    if what == "user-removed":
        await users.remove("alice")
    elif what == "user-disabled":
        await users.disable("alice")
    elif what == "consent-withdrawn":
        await withdraw(world, client)
    elif what == "client-removed":
        await world.server.parts.clients.remove(client)
    else:
        await users.allow("alice", scopes=(), roles=())

    refused = await world.refresh(client, tokens.refresh)

    expected = "invalid_client" if what == "client-removed" else "invalid_grant"
    assert refused.body["error"] == expected


@proves("S100", "refuses")
async def test_a_user_who_was_disabled_behind_our_back_gets_no_more(world: World) -> None:
    client = (await world.register())["client_id"]
    browser = world.browser()
    code = await world.code(client, browser=browser)
    tokens = await world.token(world.code_fields(client, code))
    async with world.server.parts.store.writing() as connection:
        await connection.exec_driver_sql("UPDATE users SET disabled = 1")

    assert (await world.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"
    page = await browser.open(world.authorize_url(client))
    assert 'name="password"' in page.text


@proves("S100", "refuses")
async def test_a_grant_that_died_does_not_live_again_with_the_scopes(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    await world.server.users.allow("alice", scopes=(), roles=())
    await world.refresh(client, tokens.refresh)
    await world.server.users.allow("alice", scopes=SCOPES, roles=())

    assert (await world.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"


@proves("S100", "accepts")
async def test_whoever_lost_one_scope_or_role_goes_on_with_the_rest(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    await world.server.users.allow("alice", scopes=("mcp:read",), roles=("reader",))

    refreshed = await world.refresh(client, tokens.refresh)

    assert refreshed.body["scope"] == "mcp:read"
    assert claims_of(refreshed.access)["roles"] == ["reader"]


@proves("S100", "refuses")
async def test_a_scope_gained_later_does_not_come_without_consent(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client, scope="mcp:read")
    await world.server.users.allow("alice", scopes=SCOPES, roles=("admin",))

    assert (await world.refresh(client, tokens.refresh)).body["scope"] == "mcp:read"


@proves("S104", "refuses")
async def test_a_rotation_that_fails_halfway_leaves_nothing_behind(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    store = world.server.parts.store
    async with store.writing() as connection:
        # The successor is inserted before its parent is spent; the second step fails.
        await connection.exec_driver_sql(
            "CREATE TRIGGER disk_full BEFORE UPDATE ON refresh_tokens "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )

    failed = await world.refresh(client, tokens.refresh)

    assert failed.response.status_code == 503
    assert await rows(world) == 1
    async with store.writing() as connection:
        await connection.exec_driver_sql("DROP TRIGGER disk_full")
    assert (await world.refresh(client, tokens.refresh)).response.status_code == 200


@proves("S104", "refuses")
async def test_while_the_store_is_down_nothing_is_claimed_and_nothing_granted(
    world: World,
) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    code = await world.code(client, prompt="consent")
    async with world.broken_store():
        answers = [
            await world.refresh(client, tokens.refresh),
            await world.token(world.code_fields(client, code)),
        ]
        signed_in = await world.http.post("/sign-out", headers={"Cookie": "x=y"})

    for answer in answers:
        assert answer.response.status_code == 503
        assert answer.body["error"] == "temporarily_unavailable"
        assert int(answer.response.headers["retry-after"]) > 0
    assert signed_in.status_code == 200
    assert (await world.token(world.code_fields(client, code))).response.status_code == 200


@proves("S104", "accepts")
async def test_when_the_store_is_back_nothing_was_lost(world: World) -> None:
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)
    async with world.broken_store():
        assert (await world.refresh(client, tokens.refresh)).response.status_code == 503

    assert (await world.refresh(client, tokens.refresh)).response.status_code == 200


@proves("S105", "refuses")
async def test_everything_from_before_the_cut_off_is_void(
    open_world: Opening, clock: StoppedClock, tmp_path: Any
) -> None:
    kept = {
        "database_url": f"sqlite+aiosqlite:///{tmp_path / 'doorward.db'}",
        "secret_file": tmp_path / "secret",
        "clients": (RESOURCE_SERVER,),
    }
    before = await open_world(**kept)
    client = (await before.register())["client_id"]
    tokens = await before.tokens(client)
    code = await before.code(client, prompt="consent")
    clock.advance(10)

    world = await open_world(**kept, revoke_before=clock.now)

    assert (await world.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"
    assert (await world.token(world.code_fields(client, code))).body["error"] == "invalid_grant"
    assert not await is_active(world, tokens.access)


@proves("S105", "accepts")
async def test_what_is_newer_than_the_cut_off_is_not(
    open_world: Opening, clock: StoppedClock
) -> None:
    world = await open_world(revoke_before=clock.now)
    client = (await world.register())["client_id"]
    tokens = await world.tokens(client)

    assert (await world.refresh(client, tokens.refresh)).response.status_code == 200


async def test_a_client_without_the_grant_type_cannot_refresh(world: World) -> None:
    client = (await world.register(grant_types=["authorization_code"]))["client_id"]

    refused = await world.refresh(client, "x" * 43)

    assert refused.body["error"] == "unauthorized_client"


async def test_grants_long_over_are_cleared_away(world: World, clock: StoppedClock) -> None:
    client = (await world.register())["client_id"]
    await world.tokens(client)
    clock.advance(89 * 86400)
    client = (await world.register())["client_id"]
    clock.advance(3 * 86400 - 5000)
    client = (await world.register())["client_id"]
    await world.tokens(client)

    async with world.server.parts.store.reading() as connection:
        left = (await connection.execute(select(func.count()).select_from(grants))).scalar_one()
    assert left == 1
