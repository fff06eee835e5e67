"""The database: connections, transactions and migrations; a failure becomes a 503."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path
from typing import Any, Literal, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import event, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Connection, Transactions, Work
from doorward.authserver.store.database_url import parse_database_url
from doorward.authserver.store.postgresql.hosts import Connector
from doorward.authserver.store.postgresql.sqlalchemy_pool import (
    connected,
    open_postgresql,
    wait_long,
)
from doorward.authserver.store.sqlite import SQLiteTransactions, pragmas
from doorward.errors import ConfigurationError
from doorward.operations.observation import observed
from doorward.wire.shell_command import shell_command

T = TypeVar("T")

_MIGRATIONS = Path(__file__).parent.parent / "migrations"
_WRITING = "doorward_writing"
# Any number that other users of the same database do not lock.
_EXCLUSIVE_LOCK = 0x646F6F72  # "door"
# The longest start in seconds, with the wait for another replica that migrates.
_MIGRATION = 600.0


class Store:
    """
    The tables behind one database URL, SQLite or PostgreSQL.

    Without a URL they are in a private temporary folder that ``aclose`` removes. It is a file, not
    ``:memory:``, because concurrent transactions need connections of their own.

    ``write`` and ``exclusive`` run one function in a transaction, and again where the database
    rolled it back. ``read`` is for what happens often. ``reading`` gives a connection to code that
    may wait in between.

    SQLite runs one writing transaction at a time, and a reading one sees a snapshot. PostgreSQL
    runs them concurrently at READ COMMITTED. Code must be correct on both: it claims a one-time
    object by one conditional UPDATE, and uses ``exclusive`` where it reads first and then writes.
    """

    def __init__(self, url: str | None = None, password_file: Path | None = None) -> None:
        self._folder: str | None = None
        if url is None:
            self._folder = tempfile.mkdtemp(prefix="doorward-")
            url = f"sqlite+aiosqlite:///{self._folder}/doorward.db"
        durable, parsed = self._folder is None, parse_database_url(url)
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self.engine: AsyncEngine
        self.transactions: Transactions
        if self._is_sqlite:
            self.engine = _open_sqlite(parsed, durable=durable)
            self.transactions = SQLiteTransactions(parsed.database or "", durable=durable)
        else:
            self.engine, self.transactions = _open_postgresql(Connector(parsed, password_file))

    @property
    def is_shared(self) -> bool:
        """Whether servers on several machines can use the database."""
        return not self._is_sqlite

    def connections(self) -> tuple[int, int]:
        """Return how many connections of the pool are in use, and how many are idle."""
        pool = self.engine.sync_engine.pool
        in_use, idle = self.transactions.connections()
        if isinstance(pool, QueuePool):
            return in_use + pool.checkedout(), idle + pool.checkedin()
        return in_use, idle

    async def schema_state(self) -> Literal["empty", "older", "current"]:
        """
        Return how the schema compares with the one that this code expects; changes nothing.

        Raises:
            ConfigurationError: with reason ``unknown-revision``.
            StoreUnavailable: 503.
        """
        async with self.reading() as connection:
            return await connection.run_sync(_state)

    async def start(self) -> None:
        """
        Migrate the schema to the version that this code expects.

        Raises:
            ConfigurationError: with reason ``unknown-revision``: a newer version has migrated it.
            StoreUnavailable: 503, the database cannot be reached or read.
        """
        if self._is_sqlite:
            _create_private_file(self.engine.url.database)
        async with (
            self.transactions.turn(),
            self._transaction(writing=True, seconds=_MIGRATION) as one,
        ):
            if not self._is_sqlite:
                # Replicas that start together: one migrates, the others wait and find it done.
                await wait_long(one)
                await _lock(one)
            await one.run_sync(_migrate)

    async def read(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; it reads in one transaction, and awaits only its connection.

        Raises:
            StoreUnavailable: 503.
        """
        with observed("store", "read"):
            return await self.transactions.read(work)

    async def look_up(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; it executes one SELECT, so it needs no transaction around it.

        Raises:
            StoreUnavailable: 503.
        """
        with observed("store", "read"):
            return await self.transactions.look_up(work)

    async def write(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns, once it is committed: all of it, or nothing.

        ``work`` awaits only its connection. On SQLite, it shares the commit with others.

        Raises:
            StoreUnavailable: 503.
        """
        with observed("store", "write"):
            return await self.transactions.write(work)

    async def exclusive(self, work: Work[T]) -> T:
        """
        Return what ``write`` returns; no other process runs an ``exclusive`` transaction meanwhile.

        Raises:
            StoreUnavailable: 503.
        """
        if self._is_sqlite:
            # SQLite has one writer at a time.
            return await self.write(work)

        async def alone(connection: Connection) -> T:
            await _lock(connection)
            return await work(connection)

        return await self.write(alone)

    async def write_at_once(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns, once it is committed; it executes one statement.

        Raises:
            StoreUnavailable: 503.
        """
        with observed("store", "write"):
            return await self.transactions.write_at_once(work)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """
        Give a connection for reading.

        Raises:
            StoreUnavailable: 503.
        """
        with observed("store", "read"):
            async with self._transaction(writing=False) as connection:
                yield connection

    @asynccontextmanager
    async def _transaction(
        self, *, writing: bool, seconds: float | None = None
    ) -> AsyncIterator[AsyncConnection]:
        with _faults_as_503():
            async with self._connected(seconds or deadline.SECONDS) as connection:
                await connection.execution_options(**{_WRITING: writing})
                async with connection.begin():
                    yield connection

    def _connected(self, seconds: float) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.engine.connect() if self._is_sqlite else connected(self.engine, seconds)

    async def aclose(self) -> None:
        """Close every connection, and remove a temporary database."""
        await self.transactions.aclose()
        await self.engine.dispose()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _faults_as_503() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError) as error:
        # The driver's message has the statement and its values; hashes and sealed bytes must not
        # reach a log.
        raise StoreUnavailable(type(error).__name__) from None


def _open_postgresql(connector: Connector) -> tuple[AsyncEngine, Transactions]:
    try:
        # Its driver is installed only where PostgreSQL is used.
        from doorward.authserver.store.postgresql.driver import PostgreSQLTransactions

        return open_postgresql(connector), PostgreSQLTransactions(connector)
    except ImportError as error:
        raise ConfigurationError(
            "no-database-driver",
            f"The driver of PostgreSQL is not installed: {error.name}.",
            f"Install it: {shell_command('pip', 'install', 'doorward[postgres]')}",
        ) from None


def _create_private_file(database: str | None) -> None:
    # SQLite would create it by the umask, so that every account of the machine could read who has
    # signed in where. What cannot be created here is refused by SQLite, with its reason.
    if database and not database.startswith((":", "file:")):
        with suppress(OSError):
            os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _open_sqlite(url: URL, *, durable: bool) -> AsyncEngine:
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver would open deferred transactions. Two of them that read before they write fail
        # with "database is locked" instead of waiting for each other.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {int(deadline.SECONDS * 1000)}",
            *pragmas(durable=durable),
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: SyncConnection) -> None:
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


async def _lock(connection: AsyncConnection | Connection) -> None:
    await connection.execute(select(func.pg_advisory_xact_lock(_EXCLUSIVE_LOCK)))


def _migrate(connection: SyncConnection) -> None:
    # Most starts find nothing to do, and the migrations take longer than the rest of a start.
    if _state(connection) != "current":
        command.upgrade(_alembic(connection), "head")


def _state(connection: SyncConnection) -> Literal["empty", "older", "current"]:
    scripts = ScriptDirectory.from_config(_alembic(connection))
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        return "empty"
    if found == scripts.get_current_head():
        return "current"
    # Without this, the migration would fail with a traceback, or later code with missing columns.
    if found not in {one.revision for one in scripts.walk_revisions()}:
        raise ConfigurationError(
            "unknown-revision",
            f"This version of Doorward does not know the schema {found[:40]!r} of the database.",
            "Run the version that migrated it last, or a newer one.",
        )
    return "older"


def _alembic(connection: SyncConnection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
