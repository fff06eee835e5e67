"""The database: how it is opened, and what a failure of it becomes."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from doorward.authserver.refusals import StoreUnavailable

_MIGRATIONS = Path(__file__).parent.parent / "migrations"
_WRITING = "doorward_writing"


class Store:
    """
    The tables behind one database URL.

    Without a URL they live in a private temporary folder that ``aclose`` removes: a file rather
    than ``:memory:``, because concurrent transactions need connections of their own.
    """

    def __init__(self, url: str | None = None) -> None:
        self._folder: str | None = None
        if url is None:
            self._folder = tempfile.mkdtemp(prefix="doorward-")
            url = f"sqlite+aiosqlite:///{self._folder}/doorward.db"
        self.engine = _open(url, lasting=self._folder is None)
        # SQLite has one writer at a time. Waiting here in order is kinder than polling its lock.
        sqlite = self.engine.dialect.name == "sqlite"
        self._turn: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if sqlite else nullcontext()
        )

    async def start(self) -> None:
        """Bring the schema to the version that this code expects."""
        async with self.writing() as connection:
            await connection.run_sync(_migrate)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """
        Give a connection that sees one state of the database.

        Raises:
            StoreUnavailable: 503.
        """
        async with self._transaction(writing=False) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """
        Give a connection in one transaction: all of it is kept, or nothing.

        Raises:
            StoreUnavailable: 503, and nothing was kept.
        """
        async with self._turn, self._transaction(writing=True) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, *, writing: bool) -> AsyncIterator[AsyncConnection]:
        try:
            async with self.engine.connect() as connection:
                await connection.execution_options(**{_WRITING: writing})
                async with connection.begin():
                    yield connection
        except (DBAPIError, PoolTimeout, OSError) as error:
            # The statement and its values stay out of the message: hashes and sealed bytes are
            # still nobody's business.
            raise StoreUnavailable(type(error).__name__) from None

    async def aclose(self) -> None:
        """Close every connection, and remove a temporary database."""
        await self.engine.dispose()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _open(url: str, *, lasting: bool) -> AsyncEngine:
    engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, lasting=lasting)
    return engine


def _prepare_sqlite(engine: AsyncEngine, *, lasting: bool) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver would open a deferred transaction by itself, and two of those that read before
        # they write end in "database is locked" instead of waiting for one another.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "busy_timeout = 10000",
            "journal_mode = WAL",
            "foreign_keys = ON",
            # A claim that a power cut takes back is a code that can be redeemed twice.
            f"synchronous = {'FULL' if lasting else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
