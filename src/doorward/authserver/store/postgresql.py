"""PostgreSQL: connections to the writable host of a URL, each transaction with a deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from doorward.authserver.store import deadline
from doorward.authserver.store.database_url import hosts_of
from doorward.errors import ConfigurationError
from doorward.private_file import Exposed, read_private

CONNECTIONS = 10
# Shares of the deadline after which PostgreSQL ends a statement itself, and frees its locks. A paused
# process must not keep its locks either.
_TIMEOUTS = {
    "statement_timeout": 0.9,
    "lock_timeout": 0.8,
    "idle_in_transaction_session_timeout": 1.0,
}
# The session cannot write any more: its server became a standby.
_READ_ONLY = "25006"
# Of a transaction that can be run again: a serialization failure, a deadlock, and a standby.
_ROLLED_BACK = ("40001", "40P01", _READ_ONLY)
_LONGEST_PASSWORD = 4096
_LATE = "doorward_late"
_STANDBY = "doorward_standby"
_WARNED = "doorward_warned"
_turns: WeakKeyDictionary[Engine, asyncio.Semaphore] = WeakKeyDictionary()


class NotReplicated(OSError):
    """The primary has committed, but was told not to wait for its synchronous standby."""


def open_postgresql(url: URL, password_file: Path | None = None) -> AsyncEngine:
    """
    Return an engine for ``url``; nothing is connected yet.

    The password is read from ``password_file`` for each new connection, so it can be replaced while
    the server runs.

    Raises:
        ConfigurationError: ``not-a-database-url``, or ``unreadable-password-file``.
        ImportError: the driver is not installed.
    """
    engine = create_async_engine(
        URL.create(url.drivername),
        async_creator=_Connector(url, password_file),
        # Connections beyond the pool would be opened and closed for each transaction.
        pool_size=CONNECTIONS,
        max_overflow=0,
        # The connection that was used last has its statements prepared.
        pool_use_lifo=True,
    )
    # The queue of the pool lets a newcomer take the connection that the first in it was woken for. With
    # many requests, some would then wait until the deadline.
    _turns[engine.sync_engine] = asyncio.Semaphore(CONNECTIONS)
    event.listen(engine.sync_engine, "connect", _watch_warnings)
    event.listen(engine.sync_engine, "commit", lambda one: forget_warnings(one.connection))
    event.listen(engine.sync_engine, "checkout", _require_open)
    event.listen(engine.sync_engine, "handle_error", _decide_about_pool)
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
    for setting in _TIMEOUTS:
        await connection.exec_driver_sql(f"SET LOCAL {setting} = 0")


def is_rolled_back(error: Exception) -> bool:
    """Say whether PostgreSQL has done nothing of the transaction, and may do it the next time."""
    return _sqlstate(error) in _ROLLED_BACK


def is_standby(error: Exception) -> bool:
    """Say whether the server of the connection became a standby."""
    return _sqlstate(error) == _READ_ONLY


def give_up_pool(connection: PoolProxiedConnection) -> None:
    """Let no connection of the pool be used again: new ones find the writable host."""
    connection.info[_STANDBY] = True


def forget_warnings(connection: PoolProxiedConnection) -> None:
    """Forget what the statements before COMMIT warned of."""
    # COMMIT has one warning: an operator has cancelled the wait for the synchronous standby.
    connection.info.pop(_WARNED, None)


def _watch_warnings(connection: Any, record: ConnectionPoolEntry) -> None:
    def note(_connection: object, message: Any) -> None:
        if message.severity_en == "WARNING":
            record.info[_WARNED] = True

    connection.driver_connection.add_log_listener(note)


def _sqlstate(error: BaseException) -> object:
    """Return the code of an error of the driver, or of SQLAlchemy around it."""
    return getattr(getattr(error, "orig", None) or error, "sqlstate", None)


class _Connector:
    """Connects to the first writable host; the one of the last time is asked first."""

    def __init__(self, url: URL, password_file: Path | None) -> None:
        self._password_file = password_file
        try:
            self._hosts: list[tuple[str, int] | None] = [*hosts_of(url)] or [None]
        except ValueError:
            raise ConfigurationError(
                "not-a-database-url",
                "A port in the URL of the database is not a number.",
                "Write, for example: postgresql://user@host:5432/doorward.",
            ) from None
        one = url.set(drivername="postgresql", host=None, port=None)
        self._dsn = one.difference_update_query(["host", "port"]).render_as_string(
            hide_password=False
        )
        # Doorward writes with every session. A guard that only reads may name a standby.
        self._attributes = None if "target_session_attrs" in url.query else "read-write"
        if password_file is not None:
            self._require_password(password_file)

    async def __call__(self, *_arguments: object, **_options: object) -> Any:
        problem: Exception | None = None
        for host in tuple(self._hosts):
            try:
                connection = await self._connect(host)
            except _other_host_may_do() as error:
                problem = error
            else:
                self._hosts.remove(host)
                self._hosts.insert(0, host)
                return connection
        raise problem or OSError("no host")

    async def _connect(self, host: tuple[str, int] | None) -> Any:
        import asyncpg

        return await asyncpg.connect(
            self._dsn,
            **({} if host is None else {"host": host[0], "port": host[1]}),
            **({} if self._password_file is None else {"password": self._password}),
            target_session_attrs=self._attributes,
            # A host that does not answer leaves time for the others.
            timeout=deadline.SECONDS * 0.8 / len(self._hosts),
            server_settings=_session(),
        )

    def _password(self) -> str:
        assert self._password_file is not None
        return _read_password(self._password_file)

    @staticmethod
    def _require_password(file: Path) -> None:
        try:
            _read_password(file)
        except OSError as error:
            raise ConfigurationError(
                "unreadable-password-file",
                f"The password of the database cannot be read from {file} ({error}).",
                "Write the password to the file, and make it readable for this account alone.",
            ) from None


def _session() -> dict[str, str]:
    timeouts = {
        name: str(int(share * deadline.SECONDS * 1000)) for name, share in _TIMEOUTS.items()
    }
    return {"application_name": "doorward", "jit": "off", **timeouts}


def _read_password(file: Path) -> str:
    try:
        return read_private(file, most=_LONGEST_PASSWORD).decode().strip()
    except (Exposed, UnicodeDecodeError) as error:
        # At a new connection it is a fault like any other of the database.
        raise OSError(str(error) if isinstance(error, Exposed) else "not UTF-8") from None


def _other_host_may_do() -> tuple[type[Exception], ...]:
    import asyncpg

    # Any error: a server that stops ends the session at any moment, and a standby that is behind knows
    # neither a new database nor a new password.
    return (OSError, asyncpg.PostgresError, asyncpg.TargetServerAttributeNotMatched)


def _require_open(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    if _STANDBY in record.info:
        raise InvalidatePoolError
    # The driver knows when the server has closed the connection; asking the server would take three
    # round trips for each transaction.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _decide_about_pool(context: ExceptionContext) -> None:
    # One slow transaction says nothing about the other connections. Opening all of them again would
    # make a busy server slower.
    if context.connection is not None and _LATE in context.connection.info:
        context.invalidate_pool_on_disconnect = False
    if _sqlstate(context.original_exception) == _READ_ONLY:
        # Every connection of the pool goes, and new ones find the writable host.
        context.is_disconnect = True
