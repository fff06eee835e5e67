"""Transactions on the driver of PostgreSQL end as those of SQLAlchemy do, and share its pool."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.postgresql.session_pool import CONNECTIONS
from doorward.authserver.store.schema import clients, revoked_tokens, users
from tests.authserver.conftest import ON_POSTGRESQL
from tests.postgresql.cluster import Cluster

pytestmark = list(ON_POSTGRESQL)
_ADD = insert(revoked_tokens)
_ALL = select(revoked_tokens.c.token_id).where(revoked_tokens.c.expires_at > bindparam("now"))
_SERVER_PROCESS = select(func.pg_backend_pid())


@pytest.fixture
async def store(postgresql_cluster: Cluster) -> AsyncIterator[Store]:
    """A migrated database of this test's own."""
    url = await postgresql_cluster.migrated_database()
    opened = Store(url)
    yield opened
    await opened.aclose()
    await postgresql_cluster.give_back(url)


async def add(connection: Connection, name: str) -> None:
    await connection.execute(_ADD, {"token_id": name, "expires_at": 5.0})


async def kept(store: Store) -> set[str]:
    found = await store.look_up(lambda connection: connection.execute(_ALL, {"now": 0.0}))
    return {row.token_id for row in found}


async def server_process(store: Store) -> int:
    found = await store.look_up(lambda connection: connection.execute(_SERVER_PROCESS, {}))
    return int(found.scalar_one())


async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    async def fail(connection: Connection) -> None:
        await add(connection, "a")
        raise LookupError("mine")

    with pytest.raises(LookupError):
        await store.write(fail)
    await store.write(lambda connection: add(connection, "b"))

    assert await kept(store) == {"b"}


async def test_what_a_reader_writes_is_not_kept(store: Store) -> None:
    await store.read(lambda connection: add(connection, "a"))

    assert await kept(store) == set()


async def test_a_constraint_can_be_caught_and_is_a_503_where_nobody_does(store: Store) -> None:
    async def add_twice(connection: Connection) -> None:
        await add(connection, "a")
        with pytest.raises(IntegrityError):
            await add(connection, "a")

    await store.write(add_twice)
    await store.write(lambda connection: add(connection, "b"))
    with pytest.raises(StoreUnavailable) as failed:
        await store.write(lambda connection: add(connection, "b"))

    assert failed.value.detail == "IntegrityError"


async def test_values_of_every_type_go_in_and_come_out(store: Store) -> None:
    async def work(connection: Connection) -> tuple[int, Any, Any]:
        await connection.execute(
            insert(users).values(
                id="1", username="ä", scopes=["x"], roles=[], disabled=False, created_at=1
            )
        )
        row = {
            "client_id": "c",
            "origin": "added",
            "document": {"name": "ö"},
            "secret_hash": b"\x00\xff",
            "created_at": 2.5,
        }
        await connection.execute(insert(clients), row)
        changed = await connection.execute(update(users).values(disabled=True))
        return (
            changed.rowcount,
            (await connection.execute(select(users), {})).one_or_none(),
            (await connection.execute(select(clients), {})).one_or_none(),
        )

    changed, user, client = await store.write(work)

    assert changed == 1
    assert (user.username, user.scopes, user.disabled, user.created_at) == ("ä", ["x"], True, 1.0)
    assert (client.document, client.secret_hash, client.used_at) == (
        {"name": "ö"},
        b"\x00\xff",
        None,
    )


async def test_a_cancelled_transaction_does_not_become_a_part_of_the_next(store: Store) -> None:
    waits = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await add(connection, "a")
        waits.set()
        await asyncio.Future()

    cancelled = asyncio.ensure_future(store.write(wait))
    await waits.wait()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await store.write(lambda connection: add(connection, "b"))

    assert await kept(store) == {"b"}


async def test_a_server_that_became_a_standby_costs_the_pool_all_its_connections(
    store: Store,
) -> None:
    async def become_standby(connection: Connection) -> None:
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        await add(connection, "a")

    before = await server_process(store)
    assert await server_process(store) == before
    with pytest.raises(StoreUnavailable):
        await store.write(become_standby)

    assert await server_process(store) != before
    assert await kept(store) == set()


async def test_nobody_overtakes_who_waits_for_a_connection(store: Store) -> None:
    order: list[str] = []
    done = asyncio.Event()
    begun = asyncio.Semaphore(0)
    all_early = asyncio.Barrier(CONNECTIONS)

    async def work(_connection: Connection) -> None:
        begun.release()
        await done.wait()

    async def note(name: str) -> None:
        async def noting(_connection: Connection) -> None:
            order.append(name)
            if name.startswith("early"):
                # Nobody gets a second turn before all of these had their first.
                await all_early.wait()

        await store.write(noting)

    async def twice(name: str) -> None:
        await store.write(work)
        # At once: the connection that was given back is promised to somebody else.
        await note(name)

    occupied = [asyncio.ensure_future(twice(f"late {number}")) for number in range(CONNECTIONS)]
    for _ in occupied:
        await begun.acquire()
    waiting = [asyncio.ensure_future(note(f"early {number}")) for number in range(CONNECTIONS)]
    await asyncio.sleep(0)
    done.set()
    await asyncio.gather(*waiting, *occupied)

    assert {name.partition(" ")[0] for name in order[:CONNECTIONS]} == {"early"}
