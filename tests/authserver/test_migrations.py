"""The migrations make the tables that the code expects, and can be taken back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect

import doorward.authserver.store.engine as engine_room
from doorward.authserver.store.schema import metadata


def config_on(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(engine_room._MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def test_the_migrations_end_in_the_schema() -> None:
    with create_engine("sqlite://").connect() as connection:
        command.upgrade(config_on(connection), "head")

        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_can_be_taken_back() -> None:
    with create_engine("sqlite://").connect() as connection:
        command.upgrade(config_on(connection), "head")
        command.downgrade(config_on(connection), "base")

        assert inspect(connection).get_table_names() == ["alembic_version"]
