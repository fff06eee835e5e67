"""When a refresh token expires or is revoked."""

from typing import Any

import pytest
from sqlalchemy import func, select

from doorward.authserver.grants import consents
from doorward.authserver.settings.lifetimes import Lifetimes
from doorward.authserver.store.schema import grants, refresh_tokens
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import SCOPES, AuthServerHarness, claims_of
from tests.authserver.token.test_code_grant import RESOURCE_SERVER, is_active
from tests.ledger import proves


async def rows(harness: AuthServerHarness, *conditions: Any) -> int:
    async with harness.server.services.store.reading() as connection:
        query = select(func.count()).select_from(refresh_tokens).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


async def withdraw(harness: AuthServerHarness, client_id: str) -> None:
    user = await harness.server.users.find("alice")
    assert user is not None
    async with harness.server.services.store.engine.begin() as connection:
        await consents.withdraw(connection, user.id, client_id, harness.clock())


@proves("S99", "refuses", "refresh tokens end")
@proves("S105", "refuses", "clock boundaries")
async def test_an_idle_refresh_token_expires(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    clock.advance(14 * 86400)
    assert (await harness.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"

    clock.advance(-86400)

    assert (await harness.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"


@proves("S99", "refuses", "refresh tokens end")
async def test_a_grant_expires_however_often_it_was_refreshed(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(lifetimes=Lifetimes(refresh_absolute=10 * 86400))
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    for _ in range(4):
        clock.advance(2 * 86400)
        tokens = await harness.refresh(client, tokens.refresh)
        assert tokens.response.status_code == 200

    clock.advance(2 * 86400)

    assert (await harness.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"


@proves("S99", "accepts", "refresh tokens end")
async def test_a_refresh_extends_the_idle_time(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    for _ in range(3):
        clock.advance(13 * 86400)
        tokens = await harness.refresh(client, tokens.refresh)

    assert tokens.response.status_code == 200


@proves("S100", "refuses", "removal ends refresh")
@pytest.mark.parametrize(
    "what", ["user-removed", "user-disabled", "consent-withdrawn", "client-removed", "scopes-lost"]
)
async def test_a_user_without_rights_gets_no_more_tokens(
    harness: AuthServerHarness, what: str
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    users = harness.server.users
    if what == "user-removed":
        await users.remove("alice")
    elif what == "user-disabled":
        await users.disable("alice")
    elif what == "consent-withdrawn":
        await withdraw(harness, client)
    elif what == "client-removed":
        await harness.server.services.clients.remove(client)
    else:
        await users.set_permissions("alice", scopes=(), roles=())

    refused = await harness.refresh(client, tokens.refresh)

    expected = "invalid_client" if what == "client-removed" else "invalid_grant"
    assert refused.body["error"] == expected


@proves("S100", "refuses", "removal ends refresh")
async def test_a_user_disabled_in_the_database_gets_no_more_tokens(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    browser = harness.browser()
    code = await harness.code(client, browser=browser)
    tokens = await harness.token(harness.code_fields(client, code))
    async with harness.server.services.store.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE users SET disabled = true")

    assert (await harness.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"
    page = await browser.open(harness.authorize_url(client))
    assert 'name="password"' in page.text


@proves("S100", "refuses", "removal ends refresh")
async def test_a_revoked_grant_stays_revoked_when_the_scopes_return(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    await harness.server.users.set_permissions("alice", scopes=(), roles=())
    await harness.refresh(client, tokens.refresh)
    await harness.server.users.set_permissions("alice", scopes=SCOPES, roles=())

    assert (await harness.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"


@proves("S100", "accepts", "removal ends refresh")
async def test_a_user_who_lost_one_scope_keeps_the_others(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    await harness.server.users.set_permissions("alice", scopes=("mcp:read",), roles=("reader",))

    refreshed = await harness.refresh(client, tokens.refresh)

    assert refreshed.body["scope"] == "mcp:read"
    assert claims_of(refreshed.access)["roles"] == ["reader"]


@proves("S100", "refuses", "removal ends refresh")
async def test_a_scope_gained_later_does_not_come_without_consent(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client, scope="mcp:read")
    await harness.server.users.set_permissions("alice", scopes=SCOPES, roles=("admin",))

    assert (await harness.refresh(client, tokens.refresh)).body["scope"] == "mcp:read"


DISK_FULL = {
    "sqlite": [
        (
            "CREATE TRIGGER disk_full BEFORE UPDATE ON refresh_tokens "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    ],
    "postgresql": [
        (
            "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE disk_full; END $$"
        ),
        (
            "CREATE TRIGGER disk_full BEFORE UPDATE ON refresh_tokens "
            "FOR EACH ROW EXECUTE FUNCTION disk_full()"
        ),
    ],
}
DISK_AGAIN = {
    "sqlite": ["DROP TRIGGER disk_full"],
    "postgresql": ["DROP FUNCTION disk_full() CASCADE"],
}


@proves("S104", "refuses", "store down is 503")
async def test_a_rotation_that_fails_halfway_leaves_nothing_behind(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    store = harness.server.services.store
    async with store.engine.begin() as connection:
        # The successor is inserted before its parent is spent; the second step fails.
        for statement in DISK_FULL[store.engine.dialect.name]:
            await connection.exec_driver_sql(statement)

    failed = await harness.refresh(client, tokens.refresh)

    assert failed.response.status_code == 503
    assert await rows(harness) == 1
    async with store.engine.begin() as connection:
        for statement in DISK_AGAIN[store.engine.dialect.name]:
            await connection.exec_driver_sql(statement)
    assert (await harness.refresh(client, tokens.refresh)).response.status_code == 200


@proves("S104", "refuses", "store down is 503")
async def test_while_the_store_is_down_nothing_is_claimed_and_nothing_granted(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    code = await harness.code(client, prompt="consent")
    async with harness.broken_store():
        answers = [
            await harness.refresh(client, tokens.refresh),
            await harness.token(harness.code_fields(client, code)),
        ]
        signed_in = await harness.http.post("/sign-out", headers={"Cookie": "x=y"})

    for answer in answers:
        assert answer.response.status_code == 503
        assert answer.body["error"] == "temporarily_unavailable"
        assert int(answer.response.headers["retry-after"]) > 0
    assert signed_in.status_code == 200
    assert (await harness.token(harness.code_fields(client, code))).response.status_code == 200


@proves("S104", "accepts", "store down is 503")
async def test_when_the_store_is_back_nothing_was_lost(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    async with harness.broken_store():
        assert (await harness.refresh(client, tokens.refresh)).response.status_code == 503

    assert (await harness.refresh(client, tokens.refresh)).response.status_code == 200


@proves("S105", "refuses", "clock boundaries")
async def test_grants_from_before_revoke_before_are_void(
    start_authserver: StartAuthServer, clock: StoppedClock, database_url: str, tmp_path: Any
) -> None:
    kept = {
        "database_url": database_url,
        "secret_file": tmp_path / "secret",
        "clients": (RESOURCE_SERVER,),
    }
    before = await start_authserver(**kept)
    client = (await before.register())["client_id"]
    tokens = await before.tokens(client)
    code = await before.code(client, prompt="consent")
    clock.advance(10)

    harness = await start_authserver(**kept, revoke_before=clock.now)

    assert (await harness.refresh(client, tokens.refresh)).body["error"] == "invalid_grant"
    assert (await harness.token(harness.code_fields(client, code))).body["error"] == "invalid_grant"
    assert not await is_active(harness, tokens.access)


@proves("S105", "accepts", "clock boundaries")
async def test_grants_from_after_revoke_before_are_valid(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(revoke_before=clock.now)
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    assert (await harness.refresh(client, tokens.refresh)).response.status_code == 200


async def test_expired_grants_are_deleted(harness: AuthServerHarness, clock: StoppedClock) -> None:
    client = (await harness.register())["client_id"]
    await harness.tokens(client)
    clock.advance(89 * 86400)
    client = (await harness.register())["client_id"]
    clock.advance(3 * 86400 - 5000)
    client = (await harness.register())["client_id"]
    await harness.tokens(client)
    deletes = harness.server.services.cleanup._task
    assert deletes is not None
    # It goes on beside the request that started it.
    await deletes

    async with harness.server.services.store.reading() as connection:
        left = (await connection.execute(select(func.count()).select_from(grants))).scalar_one()
    assert left == 1
