"""
Transactions on the driver of PostgreSQL itself, whose statements are compiled once.

On the way through SQLAlchemy, a statement costs six times as much, and its pool as much as two
statements. Sessions at the server are therefore kept here, apart from those of SQLAlchemy.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Literal, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Work
from doorward.authserver.store.postgresql.hosts import (
    Connector,
    NotReplicated,
    is_rolled_back,
    is_standby,
)
from doorward.authserver.store.postgresql.session_pool import (
    PostgreSQLConnection,
    SessionPool,
    TimeLimit,
)

T = TypeVar("T")
_End = Literal["COMMIT", "ROLLBACK"] | None

# Whatever the database has as its default.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_ATTEMPTS = 4


class PostgreSQLTransactions:
    """
    Runs transactions at the writable server, each with a deadline.

    One that the server rolled back for a conflict, or because it became a standby, is run again.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._pool = SessionPool(connector)

    def connections(self) -> tuple[int, int]:
        """Return how many sessions are in use, and how many are idle."""
        return self._pool.connections()

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
        await self._pool.aclose()

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
        time_limit = TimeLimit(ends)
        try:
            return await self._run_on(await self._pool.take(time_limit), work, end, time_limit)
        finally:
            time_limit.cancel()

    async def _run_on(
        self, connection: PostgreSQLConnection, work: Work[T], end: _End, time_limit: TimeLimit
    ) -> T:
        driver = connection.driver
        time_limit.apply_to(driver)
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
            self._pool.give_back(connection)


async def _roll_back(driver: "asyncpg.Connection[Any]") -> None:
    try:
        await driver.execute("ROLLBACK")
    except (*_FAULTS, OSError):
        # The next transaction on this connection must not become a part of this one.
        driver.terminate()
