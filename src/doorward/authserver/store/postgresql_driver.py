"""
One transaction on the driver of PostgreSQL itself, whose statements are compiled once.

On the way through SQLAlchemy, a statement costs six times as much.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import asyncpg
from sqlalchemy import Dialect, Executable
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.store.connection import Rows
from doorward.authserver.store.postgresql import forget_warnings, give_up_pool, is_standby
from doorward.authserver.store.statements import Statements

DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_STATEMENTS = Statements(DIALECT)
# Whatever the database has as its default.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError)


class PostgreSQLConnection:
    """A connection of the driver, as transactions see it."""

    dialect: Dialect = DIALECT

    def __init__(self, driver: "asyncpg.Connection[Any]") -> None:
        self._driver = driver

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, /
    ) -> Rows:
        """Execute a statement, and return its rows."""
        made = _STATEMENTS.compiled(statement, parameters)
        return await made.fetch(self._driver, parameters or {})


@asynccontextmanager
async def driver_transaction(
    connection: AsyncConnection, end: Literal["COMMIT", "ROLLBACK"] | None
) -> AsyncIterator[PostgreSQLConnection]:
    """
    Give the connection of the driver in one transaction, which ``end`` ends.

    Without ``end``, none is opened: each statement is a transaction by itself.

    Raises:
        OperationalError: around the error of the driver.
    """
    pooled = await connection.get_raw_connection()
    driver: asyncpg.Connection[Any] = pooled.driver_connection
    try:
        if end is not None:
            await driver.execute(_BEGIN)
        yield PostgreSQLConnection(driver)
        forget_warnings(pooled)
        if end is not None:
            await driver.execute(end)
    except _FAULTS as error:
        if is_standby(error):
            give_up_pool(pooled)
        await _roll_back(driver)
        raise OperationalError("a transaction", None, error) from None
    except Exception:
        await _roll_back(driver)
        raise
    except BaseException:
        # Cancelled, perhaps within a statement, whose end nobody waits for.
        driver.terminate()
        raise


async def _roll_back(driver: "asyncpg.Connection[Any]") -> None:
    try:
        await driver.execute("ROLLBACK")
    except (*_FAULTS, OSError):
        # The next transaction on this connection must not become a part of this one.
        driver.terminate()
