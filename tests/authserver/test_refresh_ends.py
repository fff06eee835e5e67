"""When a refresh token stops being good."""

from typing import Any

import pytest
from sqlalchemy import func, select

from doorward.authserver.grants import consents
from doorward.authserver.settings import Lifetimes
from doorward.authserver.store.schema import grants, refresh_tokens
from tests.authserver.conftest import Opening, StoppedClock
from tests.authserver.test_code_grant import RESOURCE_SERVER, is_active
from tests.authserver.world import SCOPES, World, claims_of
from tests.ledger import proves


async def rows(world: World, *conditions: Any) -> int:
    async with world.server.services.store.reading() as connection:
        query = select(func.count()).select_from(refresh_tokens).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


async def withdraw(world: World, client_id: str) -> None:
    user = await world.server.users.by_name("alice")
    assert user is not None
    async with world.server.services.store.writing() as connection:
        await consents.withdraw(connection, user.id, client_id, world.clock())


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
        await world.server.services.clients.remove(client)
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
    async with world.server.services.store.writing() as connection:
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
    store = world.server.services.store
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


async def test_grants_long_over_are_cleared_away(world: World, clock: StoppedClock) -> None:
    client = (await world.register())["client_id"]
    await world.tokens(client)
    clock.advance(89 * 86400)
    client = (await world.register())["client_id"]
    clock.advance(3 * 86400 - 5000)
    client = (await world.register())["client_id"]
    await world.tokens(client)

    async with world.server.services.store.reading() as connection:
        left = (await connection.execute(select(func.count()).select_from(grants))).scalar_one()
    assert left == 1
