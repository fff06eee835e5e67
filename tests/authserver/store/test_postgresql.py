"""The store on a real PostgreSQL: it hangs, moves, changes its password, and is migrated."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, select, text

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.errors import ConfigurationError
from tests.authserver.conftest import ON_POSTGRESQL, StartAuthServer
from tests.ledger import proves
from tests.postgresql.cluster import Cluster

pytestmark = list(ON_POSTGRESQL)
SECRET = "g7Lw-20xmPqd4-vvRzk8-ebT61-nUy95-hjC3s"
START = """
import asyncio, sys
from doorward.authserver.store.engine import Store

async def main() -> None:
    store = Store(sys.argv[1])
    sys.stdin.readline()
    await store.start()
    print(await store.schema_state())
    await store.aclose()

asyncio.run(main())
"""


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server for this test alone."""
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
async def empty_database(postgresql_cluster: Cluster) -> AsyncIterator[str]:
    """The URL of a database without tables."""
    url = await postgresql_cluster.new_database()
    yield url
    await postgresql_cluster.drop(url)


async def one(store: Store) -> int:
    """Write in a transaction; return 1."""

    async def work(connection: Connection) -> int:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS written (id integer)"))
        return int((await connection.execute(select(1))).scalar_one())

    return await store.write(work)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@proves("S198", "refuses", "faults are 503")
@proves("S198", "accepts", "faults are 503")
async def test_a_server_that_hangs_is_503_and_nothing_is_lost(
    start_authserver: StartAuthServer, own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "SECONDS", 5.0)
    url = await own_cluster.migrated_database()
    harness = await start_authserver(database_url=url, secret=SECRET)
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    monkeypatch.setattr(deadline, "SECONDS", 0.5)
    own_cluster.pause()
    hung = await asyncio.gather(*(harness.refresh(client, tokens.refresh) for _ in range(30)))
    own_cluster.resume()
    monkeypatch.setattr(deadline, "SECONDS", 60.0)
    again = await harness.refresh(client, tokens.refresh)

    assert {one.response.status_code for one in hung} == {503}
    assert {one.response.headers["retry-after"] for one in hung} == {"5"}
    assert {one.body["error"] for one in hung} == {"temporarily_unavailable"}
    assert again.response.status_code == 200


async def test_the_writable_one_of_several_hosts_is_found_also_after_it_moved() -> None:
    first, second = Cluster(), Cluster()
    name = "default_transaction_read_only"
    store = Store(
        f"postgresql://doorward@127.0.0.1:1,127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres"
    )
    port = select(func.inet_server_port())

    async def answers() -> int:
        async with store.reading() as connection:
            return int((await connection.execute(port)).scalar_one())

    async def set_read_only(cluster: Cluster, value: str) -> None:
        connection = await asyncpg.connect(cluster.url())
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        await connection.execute("SELECT pg_reload_conf()")
        while (
            await connection.fetchval("SELECT reset_val FROM pg_settings WHERE name = $1", name)
            != value
        ):
            await connection.fetchval("SELECT pg_sleep(0.01)")
        await connection.close()

    try:
        await set_read_only(first, "on")
        before = await answers()
        await set_read_only(second, "on")
        await set_read_only(first, "off")
        assert before == second.port
        assert await one(store) == 1
        first.stop()
        with pytest.raises(StoreUnavailable):
            await one(store)
    finally:
        await store.aclose()
        first.start()
        first.close()
        second.close()


async def test_a_password_that_was_replaced_is_read_when_the_pool_reconnects(
    tmp_path: Path,
) -> None:
    cluster = Cluster(password="the first password")
    file = tmp_path / "password"
    file.write_text("the first password\n")
    file.chmod(0o600)
    store = Store(cluster.url(), file)
    try:
        assert await one(store) == 1
        admin = await asyncpg.connect(cluster.url(), password="the first password")
        await admin.execute("ALTER ROLE doorward PASSWORD 'the second password'")
        assert await one(store) == 1
        cluster.stop()
        cluster.start()
        with pytest.raises(StoreUnavailable) as refused:
            await one(store)
        file.write_text("the second password\n")

        assert await one(store) == 1
        assert "password" not in str(refused.value)
    finally:
        await store.aclose()
        cluster.close()


@proves("S210", "accepts", "one migration over replicas")
async def test_four_processes_that_start_together_migrate_an_empty_database_once(
    empty_database: str,
) -> None:
    def race() -> list[str]:
        command = [sys.executable, "-c", START, empty_database]
        pipe = subprocess.PIPE
        processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)
        ]
        try:
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            return [process.communicate(timeout=100)[0].strip() for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()

    assert await asyncio.to_thread(race) == ["current"] * 4


@proves("S210", "refuses", "one migration over replicas")
async def test_an_older_replica_refuses_a_database_that_a_newer_one_has_migrated(
    empty_database: str,
) -> None:
    store = Store(empty_database)
    await store.start()
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'from-later'"))

    with pytest.raises(ConfigurationError) as refused:
        await store.start()
    await store.aclose()

    assert refused.value.reason == "unknown-revision"


async def test_of_two_transactions_in_a_deadlock_both_succeed(empty_database: str) -> None:
    store = Store(empty_database)
    async with store.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE rows (id integer PRIMARY KEY, runs integer)"))
        await connection.execute(text("INSERT INTO rows VALUES (1, 0), (2, 0)"))
    runs: list[str] = []
    both_hold_one = asyncio.Barrier(2)

    def change(name: str, order: tuple[int, int]) -> Any:
        async def work(connection: Any) -> None:
            runs.append(name)
            for row in order:
                change_row = text(f"UPDATE rows SET runs = runs + 1 WHERE id = {row}")
                await connection.execute(change_row)
                if row == order[0] and runs.count(name) == 1:
                    await both_hold_one.wait()

        return work

    await asyncio.gather(store.write(change("a", (1, 2))), store.write(change("b", (2, 1))))

    async with store.reading() as connection:
        found = (await connection.execute(text("SELECT runs FROM rows"))).scalars().all()
    await store.aclose()
    assert found == [2, 2]
    assert sorted(runs) in (["a", "a", "b"], ["a", "b", "b"])
