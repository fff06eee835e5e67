"""Replacements that make each server of a test cheaper; none changes what a server decides."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache, partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import aiosqlite
from alembic.config import Config
from alembic.script import ScriptDirectory
from argon2 import PasswordHasher
from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from doorward.authserver.keys import signing_keys as signing_keys_module
from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store import engine as engine_module
from doorward.authserver.store import sqlite as sqlite_module
from doorward.authserver.store.engine import Store
from doorward.authserver.users import users as users_module

T = TypeVar("T")


@cache
def make_servers_cheap() -> None:
    """Replace what makes servers expensive, for the whole process."""
    _use_cheap_hashes()
    _give_a_busy_machine_time()
    _compute_without_threads()
    _open_sqlite_cheaply()
    _keep_one_migrated_database()
    _do_not_wait_for_the_disk()


def _use_cheap_hashes() -> None:
    """Hash passwords with the least memory: these tests are about what happens around it."""
    users_module._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def _do_not_wait_for_the_disk() -> None:
    """Open every SQLite file as a temporary one is opened: no test cuts the power."""
    pragmas = sqlite_module.pragmas

    @wraps(pragmas)
    def pragmas_without_sync(*, durable: bool) -> tuple[str, ...]:
        return pragmas(durable=False)

    for module in (sqlite_module, engine_module):
        module.__dict__["pragmas"] = pragmas_without_sync


def _give_a_busy_machine_time() -> None:
    """Wait longer for PostgreSQL: these tests are about its answers."""
    deadline.SECONDS = 60.0


class _WithoutThreads:
    """asyncio for modules that compute in a thread; a computation of a test is too short for one."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def to_thread(function: Callable[..., T], /, *given: Any) -> T:
        """Call the function, and let other tasks run, as a thread would."""
        found = function(*given)
        await asyncio.sleep(0)
        return found


def _compute_without_threads() -> None:
    """Hash passwords and generate keys on the event loop."""
    for module in (users_module, signing_keys_module):
        module.__dict__["asyncio"] = _WithoutThreads()


class _Connection(aiosqlite.Connection):
    """A connection of SQLite that uses its thread only for what may wait for a lock."""

    _in_thread = 0

    async def _execute(self, fn: Callable[..., Any], *given: Any, **options: Any) -> Any:
        if self._connection is None:
            raise ValueError("Connection closed")
        runs_sql = fn.__name__ == "execute"
        waits = runs_sql and given[0].startswith(("BEGIN IMMEDIATE", "PRAGMA"))
        # A request that was cancelled leaves its work in the thread. Closing the connection beside
        # it would crash the interpreter.
        if waits or self._in_thread:
            return await super()._execute(self._counted(fn), *given, **options)  # type: ignore[no-untyped-call]
        found = fn(*given, **options)
        if runs_sql:
            # Requests of one test interleave here, as they do at the thread.
            await asyncio.sleep(0)
        return found

    def _counted(self, fn: Callable[..., T]) -> Callable[..., T]:
        self._in_thread += 1

        def run(*given: Any, **options: Any) -> T:
            try:
                return fn(*given, **options)
            finally:
                self._in_thread -= 1

        return run


def _open_sqlite_cheaply() -> None:
    """
    Let SQLite engines share their compiled statements, and execute them on the event loop.

    Each test has an engine of its own, which would compile about thirty statements again. That takes
    a fifth of the test; another tenth is handing each statement to a thread in four steps.
    """
    shared = list[Engine]()

    def create_and_share(url: URL, **options: Any) -> AsyncEngine:
        if url.get_backend_name() != "sqlite":
            return create_async_engine(url, **options)
        path = url.database or ""

        async def connect() -> aiosqlite.Connection:
            connection = _Connection(
                partial(sqlite3.connect, path, uri=path[:5] == "file:", check_same_thread=False), 64
            )
            connection._thread.daemon = True
            return await connection

        engine = create_async_engine(url, async_creator=connect, **options)
        mine = engine.sync_engine
        shared.append(mine)
        # The dialect is a part of the cache's keys.
        mine.dialect, mine._compiled_cache = shared[0].dialect, shared[0]._compiled_cache
        del shared[1:]
        return engine

    engine_module.__dict__["create_async_engine"] = create_and_share


def _keep_one_migrated_database() -> None:
    """
    Give every fresh database as a copy of the one that the migrations made first.

    Running them costs more than most tests here; ``test_migrations`` runs them each time.
    """
    start, made = Store.start, list[bytes]()

    async def start_from_the_copy(store: Store) -> None:
        if await _is_migrated(store):
            return
        place = Path(store.engine.url.database or "")
        if store.engine.dialect.name != "sqlite" or place.exists() or not place.parent.is_dir():
            await start(store)
            return
        if not made:
            made.append(await _migrated(start))
        place.write_bytes(made[0])

    # mypy: a method is not for replacing; here it is replaced for every test, once.
    Store.start = start_from_the_copy  # type: ignore[method-assign, assignment]


async def _is_migrated(store: Store) -> bool:
    # A database of PostgreSQL is a copy of a migrated one before the store sees it.
    if store.engine.dialect.name == "sqlite":
        return False
    with suppress(StoreUnavailable):
        async with store.reading() as connection:
            found = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            return found.scalar() == _head()
    return False


@cache
def _head() -> str | None:
    config = Config()
    config.set_main_option("script_location", str(engine_module._MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


async def _migrated(start: Callable[[Store], Awaitable[None]]) -> bytes:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "doorward.db"
        store = Store(f"sqlite+aiosqlite:///{place}")
        await start(store)
        # The last connection that closes writes everything into the one file.
        await store.aclose()
        return place.read_bytes()
