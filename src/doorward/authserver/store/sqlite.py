"""
Transactions on SQLite, many of them in one commit.

Statements run on the event loop: each takes microseconds, and a hand-over to another thread costs
more than all of a request's statements. Only the commit waits for the disk, so only the commit is in
a thread. What is written meanwhile waits, and is committed together. A temporary database never waits
for the disk, and is committed on the event loop too.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import Context, copy_context
from typing import Any, TypeVar, cast

from sqlalchemy import Dialect, Executable
from sqlalchemy.exc import DBAPIError

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Rows, Work
from doorward.authserver.store.statements import SQLITE, Statements

T = TypeVar("T")

_STATEMENTS = Statements(SQLITE)
# So many transactions take some milliseconds, in which the event loop does nothing else.
_MOST_AT_ONCE = 64
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.02


class SQLiteConnection:
    """A connection of the driver, as transactions see it."""

    dialect: Dialect = SQLITE

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.driver = driver

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, /
    ) -> Rows:
        """Execute a statement at once: a transaction runs to its end without a pause."""
        made = _STATEMENTS.compiled(statement, parameters)
        return made.execute(self.driver, parameters or {})


class _Waiting:
    """A transaction that waits for its commit."""

    __slots__ = ("context", "future", "value", "work")

    def __init__(self, work: Work[Any], future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.future = future
        # Events that the transaction records belong to the request that began it.
        self.context: Context = copy_context()
        self.value: Any = None

    def expire(self) -> None:
        """End the wait: the disk, or another process, takes too long."""
        self.fail(TimeoutError())

    def fail(self, error: BaseException) -> None:
        """Raise ``error`` where the transaction is waited for, or 503 if the store failed."""
        if self.future.done():
            return
        failed = isinstance(error, sqlite3.Error | DBAPIError | OSError | TimeoutError)
        self.future.set_exception(_unavailable(error) if failed else error)


class SQLiteTransactions:
    """
    Runs transactions on one file of SQLite.

    Writing ones share a commit, but not their failures: each is in a savepoint of its own.
    """

    def __init__(self, path: str, *, durable: bool) -> None:
        self._path = path
        # SQLite has one writer at a time. A queue in this process is fairer than polling its lock.
        self._lock = asyncio.Lock()
        self._durable = durable
        self._thread = ThreadPoolExecutor(1, "doorward-store")
        self._reader: SQLiteConnection | None = None
        self._writer: SQLiteConnection | None = None
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    async def read(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; it sees one state of the database.

        Raises:
            StoreUnavailable: 503.
        """
        return await self._read(_run_in_transaction, work)

    async def look_up(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns; its only SELECT sees one state of the database by itself.

        Raises:
            StoreUnavailable: 503.
        """
        return await self._read(_run, work)

    async def write(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns, once it is committed.

        Raises:
            StoreUnavailable: 503. After the deadline, it may have been committed.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.create_future())
        self._waiting.append(waiting)
        if self._committing is None:
            self._committing = loop.create_task(self._commit_all())
        expiry = loop.call_later(deadline.SECONDS, waiting.expire)
        try:
            return cast(T, await waiting.future)
        finally:
            expiry.cancel()

    async def write_at_once(self, work: Work[T]) -> T:
        """
        Return what ``work`` returns, as ``write`` does: its statement shares a commit with others.

        Raises:
            StoreUnavailable: 503. After the deadline, it may have been committed.
        """
        return await self.write(work)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """
        Keep other writers of this process out while the block lasts.

        Raises:
            StoreUnavailable: 503, the others took too long.
        """
        try:
            async with asyncio.timeout(deadline.SECONDS):
                await self._lock.acquire()
        except TimeoutError as error:
            raise _unavailable(error) from None
        try:
            yield
        finally:
            self._lock.release()

    def connections(self) -> tuple[int, int]:
        """Return nothing to count: its two connections are no pool."""
        return 0, 0

    async def aclose(self) -> None:
        """Finish what waits, and close the connections."""
        if self._committing is not None:
            await self._committing
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.driver.close()
        self._reader = self._writer = None
        self._thread.shutdown(wait=False)

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                async with self._lock:
                    batch = self._waiting[:_MOST_AT_ONCE]
                    del self._waiting[:_MOST_AT_ONCE]
                    await self._commit(batch)
        finally:
            self._committing = None

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            if self._writer is None:
                self._writer = await self._connect()
            driver = self._writer.driver
            await _when_free(driver.execute, "BEGIN IMMEDIATE")
            before = driver.total_changes
            done = [one for one in batch if self._attempt(one, self._writer)]
            if driver.total_changes == before or not self._durable:
                driver.execute("COMMIT")
            else:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, driver.execute, "COMMIT")
        except BaseException as error:
            self._give_up(batch, error)
            if not isinstance(error, Exception):
                raise
            return
        for one in done:
            if not one.future.done():
                one.future.set_result(one.value)

    def _attempt(self, one: _Waiting, connection: SQLiteConnection) -> bool:
        """Run one transaction in a savepoint; return whether it is to be committed."""
        if one.future.done():
            # Nobody waits for it any more.
            return False
        driver = connection.driver
        driver.execute("SAVEPOINT one")
        try:
            one.value = one.context.run(_run, one.work, connection)
        except Exception as error:
            # SQLite itself ends the whole transaction where the disk is full or fails.
            if not driver.in_transaction:
                raise
            driver.execute("ROLLBACK TO one")
            driver.execute("RELEASE one")
            one.fail(error)
            return False
        driver.execute("RELEASE one")
        return True

    def _give_up(self, batch: list[_Waiting], error: BaseException) -> None:
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.driver.execute("ROLLBACK")
        for one in batch:
            one.fail(_unavailable(error))

    async def _read(self, run: "Callable[[Work[T], SQLiteConnection], T]", work: Work[T]) -> T:
        try:
            reader = self._reader or await self._connect_reader()
            return await _when_free(run, work, reader)
        except (sqlite3.Error, DBAPIError) as error:
            raise _unavailable(error) from None

    async def _connect_reader(self) -> SQLiteConnection:
        made = await self._connect()
        if self._reader is None:
            self._reader = made
        else:
            # Two requests were the first.
            made.driver.close()
        return self._reader

    async def _connect(self) -> SQLiteConnection:
        if not self._durable:
            return open_connection(self._path, self._durable)
        # In the thread: opening a database that another process is recovering waits for that.
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, open_connection, self._path, self._durable
        )


def open_connection(path: str, durable: bool) -> SQLiteConnection:
    """Return a new connection, which may be used by one thread after the other."""
    driver = sqlite3.connect(
        path,
        uri=path.startswith("file:"),
        timeout=deadline.SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    for pragma in pragmas(durable=durable):
        driver.execute(f"PRAGMA {pragma}")
    # A lock of another process is waited for on the event loop, which can do something else.
    driver.execute("PRAGMA busy_timeout = 0")
    return SQLiteConnection(driver)


def pragmas(*, durable: bool) -> tuple[str, ...]:
    """Return what every connection sets."""
    return (
        "journal_mode = WAL",
        "foreign_keys = ON",
        # A claim that is lost in a power cut lets a code be redeemed twice.
        f"synchronous = {'FULL' if durable else 'OFF'}",
    )


async def _when_free(attempt: Callable[..., T], *arguments: Any) -> T:
    """Return what ``attempt`` returns, once no other process locks or recovers the database."""
    ends = asyncio.get_running_loop().time() + deadline.SECONDS
    pause = _FIRST_PAUSE
    while True:
        try:
            return attempt(*arguments)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or asyncio.get_running_loop().time() > ends:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _run_in_transaction(work: Work[T], connection: SQLiteConnection) -> T:
    connection.driver.execute("BEGIN")
    try:
        return _run(work, connection)
    finally:
        connection.driver.execute("ROLLBACK")


def _run(work: Work[T], connection: SQLiteConnection) -> T:
    """Run a transaction to its end, without a pause."""
    coroutine = cast("Coroutine[Any, Any, T]", work(connection))
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    coroutine.close()
    raise RuntimeError("a transaction awaited something other than its connection")


def _unavailable(error: BaseException) -> StoreUnavailable:
    # The driver's message has the statement and its values; hashes and sealed bytes must not reach
    # a log.
    return StoreUnavailable(type(error).__name__)
