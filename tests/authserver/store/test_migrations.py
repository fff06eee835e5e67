"""The migrations create the tables that the code expects, and can be reversed."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Table, create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

import doorward.authserver.store.engine as engine_module
from doorward.authserver.grants.consents import consent_digest
from doorward.authserver.store.schema import consents, grants, metadata
from doorward.errors import ConfigurationError
from tests.authserver.conftest import ON_POSTGRESQL


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """An empty database of this test's own, on each engine in turn."""
    url, cluster = "sqlite://", None
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgresql_cluster")
        url = asyncio.run(cluster.new_database())
    # Alembic and these tests are synchronous, and so is this driver.
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as opened:
        yield opened
    engine.dispose()
    if cluster is not None:
        asyncio.run(cluster.drop(url))


def config_on(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(engine_module._MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def test_the_migrations_end_in_the_schema(connection: Connection) -> None:
    command.upgrade(config_on(connection), "head")

    context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
    assert compare_metadata(context, metadata) == []


def test_the_migrations_can_be_taken_back(connection: Connection) -> None:
    command.upgrade(config_on(connection), "head")
    command.downgrade(config_on(connection), "base")

    assert inspect(connection).get_table_names() == ["alembic_version"]


def test_a_database_of_a_newer_version_is_left_as_it_is(connection: Connection) -> None:
    command.upgrade(config_on(connection), "head")
    connection.execute(text("UPDATE alembic_version SET version_num = 'from-later'"))

    with pytest.raises(ConfigurationError) as refused:
        engine_module._migrate(connection)

    assert refused.value.reason == "unknown-revision"
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    assert found == "from-later"


PEOPLE = [("alice", 0.0), ("bob", 1.0)]
FACTS = {
    "client_id": "https://app.example/client.json",
    "redirect_uri": "http://127.0.0.1/callback",
    "resource": "http://localhost:9000/mcp",
}


def with_consents(connection: Connection) -> None:
    """Put two people and what they agreed to into a database of the first schema."""
    command.upgrade(config_on(connection), "0001")
    user = (
        "INSERT INTO users (id, username, password_hash, scopes, roles, disabled, created_at)"
        " VALUES (:id, :id, 'x', '[]', '[]', false, 0)"
    )
    consent = (
        "INSERT INTO consents (user_id, client_id, redirect_uri, resource, scopes, shown, given_at)"
        " VALUES (:id, :client_id, :redirect_uri, :resource, '[\"mcp:read\"]', :shown, :given_at)"
    )
    for name, given_at in PEOPLE:
        connection.execute(text(user), {"id": name})
        told = {"id": name, "shown": b"s" * 32, "given_at": given_at, **FACTS}
        connection.execute(text(consent), told)


def test_a_consent_of_the_first_schema_is_found_by_its_digest(connection: Connection) -> None:
    with_consents(connection)
    command.upgrade(config_on(connection), "head")

    for name, given_at in PEOPLE:
        found = connection.execute(
            select(consents).where(consents.c.digest == consent_digest(name, *FACTS.values()))
        ).one()
        assert (found.user_id, found.given_at) == (name, given_at)
        assert (found.scopes, found.shown) == (["mcp:read"], b"s" * 32)
        assert {column: getattr(found, column) for column in FACTS} == FACTS


def test_consents_are_carried_back_too(connection: Connection) -> None:
    with_consents(connection)
    command.upgrade(config_on(connection), "head")
    command.downgrade(config_on(connection), "0001")

    kept = select(consents.c.user_id, consents.c.scopes).order_by(consents.c.user_id)
    rows = connection.execute(kept)
    assert [tuple(row) for row in rows] == [(name, ["mcp:read"]) for name, _ in PEOPLE]


def test_tokens_from_before_the_third_schema_can_still_be_revoked(connection: Connection) -> None:
    with_consents(connection)
    command.upgrade(config_on(connection), "0002")
    grant = (
        "INSERT INTO grants (id, user_id, client_id, redirect_uri, resource, scopes, created_at,"
        " expires_at) VALUES ('g', 'alice', 'c', 'r', 'x', '[]', 0, 1)"
    )
    connection.execute(text(grant))

    command.upgrade(config_on(connection), "head")

    (until,) = connection.execute(select(grants.c.tokens_until)).scalars()
    assert until > 1_700_000_000


def as_the_store_opens_it(connection: Connection) -> Connection:
    """Enforce foreign keys, as the store does: what refers to a dropped row goes with it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.commit()
    return connection


def test_users_keep_their_passwords_and_consents_where_a_password_becomes_optional(
    connection: Connection,
) -> None:
    with_consents(as_the_store_opens_it(connection))
    command.upgrade(config_on(connection), "0003")

    command.upgrade(config_on(connection), "head")

    kept = connection.execute(text("SELECT id, password_hash FROM users ORDER BY id"))
    assert [tuple(row) for row in kept] == [(name, "x") for name, _ in PEOPLE]
    assert len(connection.execute(select(consents)).all()) == len(PEOPLE)
    connection.execute(text("UPDATE users SET password_hash = NULL WHERE id = 'alice'"))


def test_a_user_without_a_password_has_none_after_a_downgrade(connection: Connection) -> None:
    with_consents(as_the_store_opens_it(connection))
    command.upgrade(config_on(connection), "head")
    connection.execute(text("UPDATE users SET password_hash = NULL WHERE id = 'alice'"))

    command.downgrade(config_on(connection), "0003")

    kept = connection.execute(text("SELECT id, password_hash FROM users ORDER BY id"))
    assert [tuple(row) for row in kept] == [("alice", "!"), ("bob", "x")]
    assert len(connection.execute(select(consents)).all()) == len(PEOPLE)
    with pytest.raises(IntegrityError):
        connection.execute(text("UPDATE users SET password_hash = NULL"))


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_what_is_indexed_fits_into_an_index_of_postgresql(table: Table) -> None:
    # An entry may be a third of a page. https://www.postgresql.org/docs/current/btree.html
    indexed = [table.primary_key.columns, *(index.columns for index in table.indexes)]
    for columns in indexed:
        lengths = [getattr(column.type, "length", None) or 8 for column in columns]
        assert sum(lengths) < 2704


def test_a_new_database_file_is_for_this_account_alone(tmp_path: Path) -> None:
    database = tmp_path / "new.db"

    engine_module._create_private_file(str(database))
    engine_module._create_private_file(":memory:")
    engine_module._create_private_file(str(tmp_path / "no" / "such" / "folder.db"))

    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["new.db"]
