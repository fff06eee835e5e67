"""PostgreSQL through SQLAlchemy: its pool of connections, and transactions with a deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DisconnectionError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from doorward.authserver.store import deadline
from doorward.authserver.store.postgresql.hosts import (
    TIMEOUTS,
    Connector,
    NotReplicated,
    is_standby,
)

# For what happens once in a sign-in or less. ``driver`` has the connections for the rest.
CONNECTIONS = 5
_LATE = "doorward_late"
_GENERATION = "doorward_generation"
_WARNED = "doorward_warned"
_turns: WeakKeyDictionary[Engine, asyncio.Semaphore] = WeakKeyDictionary()


def open_postgresql(connector: Connector) -> AsyncEngine:
    """
    Return an engine; nothing is connected yet.

    Raises:
        ImportError: the driver is not installed.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connector,
        # Connections beyond the pool would be opened and closed for each transaction.
        pool_size=CONNECTIONS,
        max_overflow=0,
        # The connection that was used last has its statements prepared.
        pool_use_lifo=True,
    )
    # The queue of the pool lets a newcomer take the connection that the first in it was woken for. With
    # many requests, some would then wait until the deadline.
    _turns[engine.sync_engine] = asyncio.Semaphore(CONNECTIONS)

    def note_generation(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_GENERATION] = connector.generation
        _watch_warnings(connection, record)

    def require_good(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        # The driver knows when the server has closed the connection; asking the server would take three
        # round trips for each transaction.
        is_closed = connection.driver_connection.is_closed()
        if is_closed or record.info[_GENERATION] != connector.generation:
            raise DisconnectionError

    def decide_about_pool(context: ExceptionContext) -> None:
        # One slow transaction says nothing about the other connections. Opening all of them again would
        # make a busy server slower.
        if context.connection is not None and _LATE in context.connection.info:
            context.invalidate_pool_on_disconnect = False
        if is_standby(context.original_exception):
            connector.end_generation()
            context.is_disconnect = True

    event.listen(engine.sync_engine, "connect", note_generation)
    event.listen(engine.sync_engine, "commit", lambda one: _forget_warnings(one.connection))
    event.listen(engine.sync_engine, "checkout", require_good)
    event.listen(engine.sync_engine, "handle_error", decide_about_pool)
    return engine


@asynccontextmanager
async def connected(engine: AsyncEngine, seconds: float) -> AsyncIterator[AsyncConnection]:
    """
    Give a connection for one transaction; it is closed after ``seconds``, whatever it waits for.

    Raises:
        TimeoutError: no connection was free, or no host answered.
        DBAPIError: also when the time is over.
        NotReplicated: the commit may be lost in a fail-over, so it must not be acknowledged.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    turn = _turns[engine.sync_engine]
    async with asyncio.timeout(min(seconds, deadline.SECONDS)):
        await turn.acquire()
        try:
            connection = await _connect(engine)
        except BaseException:
            turn.release()
            raise
    raw = await connection.get_raw_connection()

    def cut_off() -> None:
        raw.info[_LATE] = True
        # Cancelling the task would not do: asyncpg then asks the server, which does not answer, to
        # cancel the statement.
        raw.driver_connection.terminate()  # type: ignore[union-attr]

    timer = loop.call_at(end, cut_off)
    try:
        yield connection
        if raw.info.pop(_WARNED, False):
            raise NotReplicated
    finally:
        try:
            await connection.close()
        finally:
            timer.cancel()
            turn.release()


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    import asyncpg

    try:
        return await engine.connect()
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        InvalidRequestError,
    ) as error:
        # A session that ends while SQLAlchemy prepares it: what comes then is no error of its own, or
        # the pool's after its second try.
        raise ConnectionError(type(error).__name__) from None


async def wait_long(connection: AsyncConnection) -> None:
    """Let this transaction wait for locks and statements as long as the client does."""
    for setting in TIMEOUTS:
        await connection.exec_driver_sql(f"SET LOCAL {setting} = 0")


def _forget_warnings(connection: PoolProxiedConnection) -> None:
    # What the statements before COMMIT warned of. COMMIT has one warning: an operator has cancelled the
    # wait for the synchronous standby.
    connection.info.pop(_WARNED, None)


def _watch_warnings(connection: Any, record: ConnectionPoolEntry) -> None:
    def note(_connection: object, message: Any) -> None:
        if message.severity_en == "WARNING":
            record.info[_WARNED] = True

    connection.driver_connection.add_log_listener(note)
