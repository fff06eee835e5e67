"""A database of every earlier schema, kept as it was made, serves its users after an upgrade."""

import sqlite3
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.store import engine
from doorward.authserver.store.engine import Store
from tests.authserver.conftest import StoppedClock
from tests.authserver.databases import Databases, PostgresqlDatabases
from tests.authserver.harness import CALLBACK, RESOURCE, AuthServerHarness, claims_of

SCHEMAS = Path(__file__).parent / "schemas"
KEPT = sorted(path.stem for path in (SCHEMAS / "sqlite").glob("*.sql"))
SECRET = "2Vx8pKq0ZbN5rTt7WcYd1Lm4Gh6Jf9Sa"
CLIENT = ConfiguredClient(client_id="desktop", redirect_uris=(CALLBACK,))
# With the columns that these tables have had from the first schema on.
USER = (
    "INSERT INTO users (id, username, password_hash, scopes, roles, disabled, created_at)"
    """ VALUES ('u', 'alice', '', '["mcp:read"]', '[]', false, {now})"""
)
GRANT = (
    "INSERT INTO grants"
    " (id, user_id, client_id, redirect_uri, resource, scopes, created_at, expires_at)"
    f" VALUES ('g', 'u', 'desktop', '{CALLBACK}', '{RESOURCE}',"
    """ '["mcp:read"]', {now}, {now} + 86400)"""
)
TOKEN = (
    "INSERT INTO refresh_tokens (token_hash, grant_id, issued_at, expires_at)"
    " VALUES ({digest}, 'g', {now}, {now} + 86400)"
)


async def kept_database(databases: Databases, revision: str) -> str:
    """Return the URL of a database that has an earlier schema and is empty."""
    if isinstance(databases, PostgresqlDatabases):
        return await databases.loaded((SCHEMAS / f"postgresql/{revision}.sql").read_text("utf-8"))
    url = await databases.url()
    database = sqlite3.connect(url.partition("///")[2])
    database.executescript((SCHEMAS / f"sqlite/{revision}.sql").read_text("utf-8"))
    database.close()
    return url


async def fill(url: str, now: float) -> str:
    """Store a user with an access, and return the refresh token of it."""
    token = new_secret()
    digest = hash_secret(token).hex()
    literal = f"x'{digest}'" if url.startswith("sqlite") else f"'\\x{digest}'"
    rows = [line.format(now=now, digest=literal) for line in (USER, GRANT, TOKEN)]
    if url.startswith("sqlite"):
        database = sqlite3.connect(url.partition("///")[2])
        database.executescript(";".join(rows))
        database.close()
    else:
        connection = await asyncpg.connect(url)
        await connection.execute(";".join(rows))
        await connection.close()
    return token


def shape(connection: Connection) -> dict[str, tuple[set[str], set[str]]]:
    """Return the columns and the indexes of each table."""
    found = inspect(connection)
    return {
        table: (
            {column["name"] for column in found.get_columns(table)},
            {str(index["name"]) for index in found.get_indexes(table)},
        )
        for table in found.get_table_names()
    }


async def started(url: str) -> dict[str, tuple[set[str], set[str]]]:
    """Start a store on the database, and return the tables that it then has."""
    store = Store(url)
    try:
        await store.start()
        assert await store.schema_state() == "current"
        async with store.engine.connect() as connection:
            return await connection.run_sync(shape)
    finally:
        await store.aclose()


@pytest.mark.parametrize("revision", KEPT)
async def test_a_database_of_an_earlier_schema_becomes_current_and_serves_its_users(
    databases: Databases,
    clock: StoppedClock,
    revision: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    old = await kept_database(databases, revision)
    token = await fill(old, clock.now)
    if isinstance(databases, PostgresqlDatabases):
        new = (await databases.settings())["database_url"]
    else:
        new = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('new') / 'new.db'}"

    assert await started(old) == await started(new)
    async with AuthServerHarness.opened(
        clock, database_url=old, secret=SECRET, clients=(CLIENT,)
    ) as harness:
        refreshed = await harness.refresh("desktop", token)
        signed_in = await harness.tokens("desktop")

    assert refreshed.response.status_code == 200
    assert refreshed.body["scope"] == "mcp:read"
    assert claims_of(refreshed.access)["sub"] == "u"
    assert claims_of(signed_in.access)["sub"] == "u"


def test_every_schema_up_to_the_newest_is_kept() -> None:
    """After a new migration: ``python -m tests.authserver.store.keep_schema`` with its number."""
    scripts = ScriptDirectory(str(engine._MIGRATIONS))

    known = sorted(one.revision for one in scripts.walk_revisions())
    assert known == KEPT
    assert sorted(path.stem for path in (SCHEMAS / "postgresql").glob("*.sql")) == KEPT
