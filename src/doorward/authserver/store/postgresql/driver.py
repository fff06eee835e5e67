"""
Transactions on the driver of PostgreSQL itself, whose statements are compiled once.

On the way through SQLAlchemy, a statement costs six times as much, and its pool as much as two
statements. Sessions at the server are therefore kept here, apart from those of SQLAlchemy.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Literal, TypeVar

import asyncpg
from sqlalchemy import Dialect, Executable
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Rows, Work
from doorward.authserver.store.postgresql.hosts import (
    Connector,
    NotReplicated,
    is_rolled_back,
    is_standby,
)
from doorward.authserver.store.statements import Statements

T = TypeVar("T")
_End = Literal["COMMIT", "ROLLBACK"] | None

CONNECTIONS = 10
DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_STATEMENTS = Statements(DIALECT)
# Whatever the database has as its default.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_ATTEMPTS = 4


class PostgreSQLConnection:
    """One session at the server, as transactions see it."""

    __slots__ = ("driver", "generation", "warned")
    dialect: Dialect = DIALECT

    def __init__(self, driver: "asyncpg.Connection[Any]", generation: int) -> None:
        self.driver = driver
        self.generation = generation
        self.warned = False

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, /
    ) -> Rows:
        """Execute a statement, and return its rows."""
        made = _STATEMENTS.compiled(statement, parameters)
        return await made.fetch(self.driver, parameters or {})

    def note_message(self, _driver: object, message: Any) -> None:
        """Remember a warning of the server."""
        self.warned |= message.severity_en == "WARNING"


class PostgreSQLTransactions:
    """
    Runs transactions at the writable server, each with a deadline.

    One that the server rolled back for a conflict, or because it became a standby, is run again.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        # Sessions that nobody uses. The last one was used last: its statements are prepared.
        self._idle: list[PostgreSQLConnection] = []
        self._in_use = 0
        # First come, first served. Otherwise some of many requests would wait until the deadline.
        self._turns = asyncio.Semaphore(CONNECTIONS)

    def connections(self) -> tuple[int, int]:
        """Return how many sessions are in use, and how many are idle."""
        return self._in_use, len(self._idle)

    async def read(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; nothing that it writes is kept.

        Raises:
            StoreUnavailable: 503.
        """
        return await self._run(work, "ROLLBACK")

    async def look_up(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; its only SELECT sees one state of the database by itself.

        Raises:
            StoreUnavailable: 503.
        """
        return await self._run(work, None)

    async def write(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns, once it is committed.

        Raises:
            StoreUnavailable: 503. After the deadline, it may have been committed.
        """
        return await self._run(work, "COMMIT")

    async def write_at_once(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; its only statement is a transaction by itself, and committed.

        Raises:
            StoreUnavailable: 503. After the deadline, it may have been committed.
        """
        return await self._run(work, None)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Keep nobody out: writers run together."""
        return nullcontext()

    async def aclose(self) -> None:
        """Close the sessions that are idle now, and each other one at the end of its transaction."""
        self._connector.end_generation()
        idle, self._idle = self._idle, []
        closing = (one.driver.close(timeout=deadline.SECONDS * 0.2) for one in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    async def _run(self, work: Work[T], end: _End) -> T:
        ends, attempts = asyncio.get_running_loop().time() + deadline.SECONDS, _ATTEMPTS
        while True:
            attempts -= 1
            try:
                return await self._run_once(work, end, ends)
            except (*_FAULTS, DBAPIError, OSError) as error:
                if attempts and is_rolled_back(error):
                    continue
                # The driver's message has the statement and its values; hashes and sealed bytes must
                # not reach a log.
                raise StoreUnavailable(type(error).__name__) from None

    async def _run_once(self, work: Work[T], end: _End, ends: float) -> T:
        connection = await self._take(ends)
        driver = connection.driver
        # Cancelling the task would not do: asyncpg then asks the server, which does not answer, to
        # cancel the statement.
        late = asyncio.get_running_loop().call_at(ends, driver.terminate)
        try:
            if end is not None:
                await driver.execute(_BEGIN)
            connection.warned = False
            value = await work(connection)
            if end is not None:
                # What the statements warned of. COMMIT has one warning: an operator has cancelled the
                # wait for the synchronous standby.
                connection.warned = False
                await driver.execute(end)
            if connection.warned:
                raise NotReplicated
            return value
        except Exception as error:
            if is_standby(error):
                self._connector.end_generation()
            if end is not None:
                await _roll_back(driver)
            raise
        except BaseException:
            # Cancelled, perhaps within a statement, whose end nobody waits for.
            driver.terminate()
            raise
        finally:
            late.cancel()
            self._give_back(connection)

    async def _take(self, ends: float) -> PostgreSQLConnection:
        """Wait for a turn, and return a session that is open as far as the driver knows."""
        if not self._turns.locked() and (found := self._good_one()) is not None:
            # Nobody is waiting, so this neither waits nor needs a deadline.
            await self._turns.acquire()
            self._in_use += 1
            return found
        async with asyncio.timeout_at(ends):
            await self._turns.acquire()
            self._in_use += 1
            try:
                return self._good_one() or await self._connect()
            except BaseException:
                self._end_turn()
                raise

    def _good_one(self) -> PostgreSQLConnection | None:
        while self._idle:
            found = self._idle.pop()
            if self._is_good(found):
                return found
            found.driver.terminate()
        return None

    async def _connect(self) -> PostgreSQLConnection:
        generation = self._connector.generation
        driver = await self._connector()
        try:
            made = PostgreSQLConnection(driver, generation)
            driver.add_log_listener(made.note_message)
            # As SQLAlchemy reads and writes it.
            await driver.set_type_codec(
                "json", schema="pg_catalog", encoder=str, decoder=json.loads
            )
        except BaseException:
            driver.terminate()
            raise
        return made

    def _give_back(self, connection: PostgreSQLConnection) -> None:
        if self._is_good(connection):
            self._idle.append(connection)
        else:
            connection.driver.terminate()
        self._end_turn()

    def _is_good(self, connection: PostgreSQLConnection) -> bool:
        is_current = connection.generation == self._connector.generation
        return is_current and not connection.driver.is_closed()

    def _end_turn(self) -> None:
        self._in_use -= 1
        self._turns.release()


async def _roll_back(driver: "asyncpg.Connection[Any]") -> None:
    try:
        await driver.execute("ROLLBACK")
    except (*_FAULTS, OSError):
        # The next transaction on this connection must not become a part of this one.
        driver.terminate()
