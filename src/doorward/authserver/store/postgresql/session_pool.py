"""The sessions at the server that transactions share, first come, first served."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import Dialect, Executable
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Rows
from doorward.authserver.store.postgresql.hosts import Connector
from doorward.authserver.store.statements import Statements

CONNECTIONS = 10
DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_STATEMENTS = Statements(DIALECT)


class TimeLimit:
    """Ends one transaction at a time of the loop, whether it waits for a session or has one."""

    __slots__ = ("_driver", "_loop", "_timer", "ends", "waiting")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.waiting: asyncio.Future[Any] | None = None
        self._driver: asyncpg.Connection[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_at(ends, self._expire)

    def apply_to(self, driver: "asyncpg.Connection[Any]") -> None:
        """End ``driver`` when the time is over. It may have come between two turns of the loop."""
        self._driver = driver
        if self._loop.time() >= self.ends:
            self._expire()

    def cancel(self) -> None:
        """Let the transaction be: it has ended."""
        self._timer.cancel()

    def _expire(self) -> None:
        if self._driver is not None:
            # Cancelling the task would not do: asyncpg then asks the server, which does not answer, to
            # cancel the statement.
            self._driver.terminate()
        elif self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(TimeoutError())


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


class SessionPool:
    """Opens sessions as they are needed, ``CONNECTIONS`` at most, and keeps them."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        # Sessions that nobody uses. The last one was used last: its statements are prepared.
        self._idle: list[PostgreSQLConnection] = []
        self._in_use = 0
        # Without an order, some of many requests would wait until the deadline.
        self._waiting: deque[asyncio.Future[PostgreSQLConnection | None]] = deque()

    def connections(self) -> tuple[int, int]:
        """Return how many sessions are in use, and how many are idle."""
        return self._in_use, len(self._idle)

    async def aclose(self) -> None:
        """Close the sessions that are idle now, and each other one at the end of its transaction."""
        self._connector.end_generation()
        idle, self._idle = self._idle, []
        closing = (one.driver.close(timeout=deadline.SECONDS * 0.2) for one in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    async def take(self, time_limit: TimeLimit) -> PostgreSQLConnection:
        """
        Wait for a turn, and return a session that is open as far as the driver knows.

        Raises:
            TimeoutError: none was free, or no host answered.
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: no session can be opened.
        """
        handed = None
        if self._in_use < CONNECTIONS:
            self._in_use += 1
        else:
            handed = await self._wait(time_limit)
        found = handed or self._good_one()
        if found is not None:
            return found
        try:
            async with asyncio.timeout_at(time_limit.ends):
                return await self._connect()
        except BaseException:
            self._end_turn(None)
            raise

    async def _wait(self, time_limit: TimeLimit) -> PostgreSQLConnection | None:
        """Wait for a session, or for the right to open one."""
        waiting: asyncio.Future[PostgreSQLConnection | None]
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        time_limit.waiting = waiting
        try:
            return await waiting
        except asyncio.CancelledError:
            # Cancelled after its turn came: the turn goes to the next one.
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self.give_back(waiting.result())
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

    def give_back(self, connection: PostgreSQLConnection | None) -> None:
        """End a turn; a session that is not good any more is closed."""
        if connection is not None and not self._is_good(connection):
            connection.driver.terminate()
            connection = None
        self._end_turn(connection)

    def _is_good(self, connection: PostgreSQLConnection) -> bool:
        is_current = connection.generation == self._connector.generation
        return is_current and not connection.driver.is_closed()

    def _end_turn(self, connection: PostgreSQLConnection | None) -> None:
        """Hand the turn to whoever has waited for longest, with the session if it is good."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return
        self._in_use -= 1
        if connection is not None:
            self._idle.append(connection)
