"""What the store does while PostgreSQL fails over: nothing is acknowledged that could be lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from tests.authserver.conftest import ON_POSTGRESQL
from tests.postgresql.cluster import Cluster

pytestmark = list(ON_POSTGRESQL)
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[Cluster]:
    """A server for these tests alone."""
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
async def own_cluster(module_cluster: Cluster) -> AsyncIterator[Cluster]:
    """A server whose settings a test may change."""
    yield module_cluster
    await module_cluster.execute("ALTER SYSTEM RESET ALL")
    await module_cluster.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store]:
    store = Store(url)
    await store.write(statement("CREATE TABLE written (number integer)"))
    yield store
    await store.aclose()


@pytest.fixture
async def store(postgresql_cluster: Cluster) -> AsyncIterator[Store]:
    """A store with one table, ``written``."""
    url = await postgresql_cluster.new_database()
    async with _opened(url) as store:
        yield store
    await postgresql_cluster.drop(url)


@pytest.fixture
async def own_store(own_cluster: Cluster) -> AsyncIterator[Store]:
    """The same on ``own_cluster``."""
    async with _opened(await own_cluster.new_database()) as store:
        yield store


def statement(sql: str) -> Callable[[Connection], Any]:
    """Return a transaction of one statement."""

    async def work(connection: Connection) -> None:
        await connection.execute(text(sql))

    return work


async def test_a_commit_that_was_not_replicated_is_not_acknowledged(
    own_cluster: Cluster, own_store: Store
) -> None:
    await own_cluster.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await own_cluster.execute("SELECT pg_reload_conf()")
    operator = await asyncpg.connect(own_cluster.url())

    writing = asyncio.create_task(own_store.write(statement("INSERT INTO written VALUES (1)")))
    while (pid := await operator.fetchval(WAITING)) is None:
        await asyncio.sleep(0)
    await operator.execute("SELECT pg_cancel_backend($1)", pid)

    with pytest.raises(StoreUnavailable) as refused:
        await writing
    assert refused.value.detail == "NotReplicated"
    await operator.close()


async def test_warnings_of_statements_do_not_fail_a_transaction(store: Store) -> None:
    await store.write(statement("DO $$ BEGIN RAISE WARNING 'about something else'; END $$"))


async def test_a_commit_that_waits_for_a_standby_is_503_at_the_deadline(
    own_cluster: Cluster, own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_cluster.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await own_cluster.execute("SELECT pg_reload_conf()")
    monkeypatch.setattr(deadline, "SECONDS", 0.5)

    with pytest.raises(StoreUnavailable):
        await own_store.write(statement("INSERT INTO written VALUES (1)"))


async def test_every_connection_of_the_pool_works_after_all_of_them_hung(
    own_cluster: Cluster, own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write_fifty() -> list[Any]:
        writes = (own_store.write(statement("INSERT INTO written VALUES (1)")) for _ in range(50))
        return await asyncio.gather(*writes, return_exceptions=True)

    monkeypatch.setattr(deadline, "SECONDS", 0.5)
    own_cluster.pause()
    hung = await write_fifty()
    own_cluster.resume()
    monkeypatch.setattr(deadline, "SECONDS", 60.0)
    after = await write_fifty()

    assert {type(one) for one in hung} == {StoreUnavailable}
    assert after == [None] * 50
    assert own_store.connections()[0] == 0


async def test_a_transaction_at_a_server_that_became_a_standby_runs_at_the_next_one(
    own_cluster: Cluster, postgresql_cluster: Cluster
) -> None:
    name = "default_transaction_read_only"
    await own_cluster.execute("CREATE TABLE written (number integer)")
    await postgresql_cluster.execute("CREATE TABLE written (number integer)")
    hosts = f"127.0.0.1:{own_cluster.port},127.0.0.1:{postgresql_cluster.port}"
    moved = Store(f"postgresql://doorward@{hosts}/postgres")
    try:
        await moved.write(statement("INSERT INTO written VALUES (1)"))
        operator = await asyncpg.connect(own_cluster.url())
        await operator.execute(f"ALTER SYSTEM SET {name} = on")
        await operator.execute("SELECT pg_reload_conf()")
        seen_by_sessions = "SELECT count(*) FROM pg_settings WHERE name = $1 AND setting = 'on'"
        while not await operator.fetchval(seen_by_sessions, name):
            await asyncio.sleep(0)
        await operator.close()

        await moved.write(statement("INSERT INTO written VALUES (2)"))

        there = await asyncpg.connect(postgresql_cluster.url())
        assert await there.fetchval("SELECT number FROM written") == 2
        await there.close()
    finally:
        await moved.aclose()
        await postgresql_cluster.execute("DROP TABLE written")


@asynccontextmanager
async def _host_that_hangs_up() -> AsyncIterator[int]:
    """A server that ends each connection after its first message, as one that is stopping does."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_host_that_hangs_up_does_not_hide_the_next_one(
    postgresql_cluster: Cluster,
) -> None:
    async with _host_that_hangs_up() as port:
        hosts = f"127.0.0.1:{port},127.0.0.1:{postgresql_cluster.port}"
        store = Store(f"postgresql://doorward@{hosts}/postgres?sslmode=disable")

        await store.write(statement("SELECT 1"))
        await store.aclose()


async def test_a_standby_that_is_behind_does_not_hide_the_next_host(
    own_cluster: Cluster, postgresql_cluster: Cluster
) -> None:
    # The first host has not yet received the new database.
    database = (await postgresql_cluster.new_database()).rpartition("/")[2]
    hosts = f"127.0.0.1:{own_cluster.port},127.0.0.1:{postgresql_cluster.port}"
    store = Store(f"postgresql://doorward@{hosts}/{database}")

    await store.write(statement("CREATE TABLE found (number integer)"))
    await store.aclose()


async def test_a_host_that_hangs_up_is_a_503() -> None:
    async with _host_that_hangs_up() as port:
        store = Store(f"postgresql://doorward@127.0.0.1:{port}/postgres?sslmode=disable")

        with pytest.raises(StoreUnavailable):
            await store.write(statement("SELECT 1"))
        await store.aclose()


async def test_a_server_that_ends_a_session_is_a_503_and_the_next_transaction_works(
    store: Store,
) -> None:
    async def ended(connection: Connection) -> None:
        await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable):
        await store.write(ended)
    await store.write(statement("INSERT INTO written VALUES (1)"))


@pytest.mark.parametrize("how", ["read", "write"])
async def test_a_transaction_that_is_rolled_back_is_run_four_times_at_most(
    store: Store, how: str
) -> None:
    runs = 0

    async def work(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        conflict = "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"
        await connection.execute(text(conflict if runs < 4 else "SELECT 1"))

    await (store.read(work) if how == "read" else store.write(work))

    assert runs == 4


async def test_all_runs_of_a_transaction_together_have_one_deadline(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "SECONDS", 1.0)
    runs = 0

    async def work(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(text("SELECT pg_sleep(0.6)"))
        await connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))

    with pytest.raises(StoreUnavailable):
        await store.write(work)

    assert runs <= 2


async def test_sessions_that_end_before_they_are_used_are_a_503(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = asyncpg.connect

    async def ended(*arguments: Any, **options: Any) -> Any:
        connection = await connect(*arguments, **options)
        connection.terminate()
        return connection

    await store.aclose()
    monkeypatch.setattr(asyncpg, "connect", ended)

    with pytest.raises(StoreUnavailable):
        await store.write(statement("SELECT 1"))
    monkeypatch.undo()
    await store.write(statement("SELECT 1"))


async def test_a_session_that_ends_in_the_middle_of_an_answer_is_a_503(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ended(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("got result for unknown protocol state 3")

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "execute", ended)
        with pytest.raises(StoreUnavailable) as at_writing:
            await store.write(statement("INSERT INTO written VALUES (1)"))
    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "prepare", ended)
        with pytest.raises(StoreUnavailable) as at_reading:
            async with store.reading() as connection:
                await connection.execute(text("SELECT 1"))
    await store.write(statement("INSERT INTO written VALUES (1)"))

    assert at_writing.value.detail == "InternalClientError"
    assert at_reading.value.detail == "InternalError"
