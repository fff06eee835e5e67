"""Transactions on SQLite share a commit; none of them takes part in the failure of another."""

import asyncio
import inspect
import sqlite3
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store import deadline
from doorward.authserver.store import sqlite as sqlite_module
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import revoked_tokens, users
from doorward.authserver.store.sqlite import SQLiteTransactions

_ADD = insert(revoked_tokens)
_ALL = select(revoked_tokens.c.token_id).where(revoked_tokens.c.expires_at > bindparam("now"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A migrated database of this test's own."""
    opened = Store(f"sqlite+aiosqlite:///{tmp_path / 'doorward.db'}")
    await opened.start()
    yield opened
    await opened.aclose()


def adding(*names: str, then: BaseException | None = None) -> Any:
    async def add(connection: Connection) -> tuple[str, ...]:
        for name in names:
            await connection.execute(_ADD, {"token_id": name, "expires_at": 5.0})
        if then is not None:
            raise then
        return names

    return add


async def kept(store: Store) -> set[str]:
    async def read(connection: Connection) -> set[str]:
        return {row.token_id for row in await connection.execute(_ALL, {"now": 0.0})}

    return await store.read(read)


async def test_a_transaction_that_raises_leaves_nothing_and_takes_nobody_with_it(
    store: Store,
) -> None:
    outcomes = await asyncio.gather(
        store.write(adding("a", "b")),
        store.write(adding("c", then=LookupError("mine"))),
        store.write(adding("d", "a")),
        store.write(adding("e")),
        return_exceptions=True,
    )

    assert outcomes[0] == ("a", "b")
    assert isinstance(outcomes[1], LookupError)
    # A constraint that nobody expects is a fault of the store, for the one that meets it.
    assert isinstance(outcomes[2], StoreUnavailable)
    assert outcomes[3] == ("e",)
    assert await kept(store) == {"a", "b", "e"}


async def test_a_refused_insert_can_be_caught_inside_the_transaction(store: Store) -> None:
    async def add_twice(connection: Connection) -> bool:
        await connection.execute(_ADD, {"token_id": "a", "expires_at": 5.0})
        try:
            await connection.execute(_ADD, {"token_id": "a", "expires_at": 6.0})
        except IntegrityError:
            return True
        return False

    assert await store.write(add_twice)
    assert await kept(store) == {"a"}


async def test_a_transaction_that_waits_for_something_else_is_an_error(store: Store) -> None:
    async def wait(connection: Connection) -> None:
        await connection.execute(_ADD, {"token_id": "a", "expires_at": 5.0})
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="something other than its connection"):
        await store.write(wait)
    with pytest.raises(RuntimeError, match="something other than its connection"):
        await store.read(wait)

    assert await kept(store) == set()


async def test_what_a_reader_writes_is_not_kept(store: Store) -> None:
    await store.read(adding("a"))

    assert await kept(store) == set()


async def test_a_transaction_that_nobody_waits_for_does_not_begin(store: Store) -> None:
    first = asyncio.ensure_future(store.write(adding("a")))
    cancelled = asyncio.ensure_future(store.write(adding("b")))
    await asyncio.sleep(0)
    cancelled.cancel()
    await first

    assert await kept(store) == {"a"}


async def test_each_transaction_runs_in_the_context_of_its_caller(store: Store) -> None:
    caller: ContextVar[str] = ContextVar("caller")

    async def name(_connection: Connection) -> str:
        return caller.get()

    async def call(value: str) -> str:
        caller.set(value)
        return await store.write(name)

    names = await asyncio.gather(*(asyncio.create_task(call(value)) for value in "abc"))

    assert names == ["a", "b", "c"]


async def test_a_lock_of_another_process_is_waited_for(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "doorward.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(store.write(adding("a")))
    transactions = store.transactions
    while isinstance(transactions, SQLiteTransactions) and transactions._writer is None:
        await asyncio.sleep(0)
    assert await kept(store) == set()
    other.execute("COMMIT")
    other.close()

    assert await waiting == ("a",)


@pytest.mark.parametrize("way", ["read", "look_up"])
async def test_a_read_waits_while_another_process_recovers_the_database(
    store: Store, way: str
) -> None:
    await store.write(adding("a"))
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
    problems = [busy, busy]

    async def read(connection: Connection) -> set[str]:
        # Recovery shows at the first SELECT, and BEGIN knows nothing of it.
        if problems:
            raise problems.pop()
        return {row.token_id for row in await connection.execute(_ALL, {"now": 0.0})}

    assert await getattr(store, way)(read) == {"a"}
    assert not problems


async def test_a_lock_that_is_never_released_is_a_503_by_the_deadline(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "doorward.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable):
        await store.write(adding("a"))

    other.execute("ROLLBACK")
    other.close()
    monkeypatch.undo()
    assert await kept(store) == set()
    assert await store.write(adding("b")) == ("b",)


async def test_a_slow_writer_of_this_process_is_a_503_by_the_deadline(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store.transactions.turn():
        monkeypatch.setattr(deadline, "SECONDS", 0.05)
        with pytest.raises(StoreUnavailable):
            await store.write(adding("a"))
        with pytest.raises(StoreUnavailable):
            await store.start()
        monkeypatch.undo()

    assert await store.write(adding("b")) == ("b",)
    assert await kept(store) == {"b"}


async def test_two_first_readers_share_a_connection(store: Store) -> None:
    first, second = await asyncio.gather(kept(store), kept(store))

    assert first == second == set()


async def test_a_commit_that_fails_is_a_503_for_all_who_share_it(store: Store) -> None:
    await store.write(adding("before"))
    transactions = store.transactions
    assert isinstance(transactions, SQLiteTransactions)
    assert transactions._writer is not None
    driver = transactions._writer.driver
    # A commit that is denied stands for a disk that is full.
    driver.set_authorizer(
        lambda action, what, *_: (
            sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_TRANSACTION and what == "COMMIT"
            else sqlite3.SQLITE_OK
        )
    )

    outcomes = await asyncio.gather(
        store.write(adding("a")), store.write(adding("b")), return_exceptions=True
    )

    driver.set_authorizer(None)
    assert [type(one) for one in outcomes] == [StoreUnavailable] * 2
    assert await kept(store) == {"before"}
    assert await store.write(adding("c")) == ("c",)


async def test_a_statement_that_is_composed_for_a_call_works_as_a_kept_one(store: Store) -> None:
    async def add(connection: Connection) -> tuple[int, list[str]]:
        await connection.execute(
            insert(users).values(
                id="1", username="a", scopes=["x"], roles=[], disabled=False, created_at=1.0
            )
        )
        changed = await connection.execute(update(users).values(disabled=True))
        row = (await connection.execute(select(users))).one_or_none()
        assert row.disabled is True
        assert row.password_hash is None
        return changed.rowcount, row.scopes

    assert await store.write(add) == (1, ["x"])


async def test_a_list_of_values_is_refused_only_where_a_statement_is_compiled_once(
    store: Store,
) -> None:
    listing = select(users.c.id).where(users.c.id.in_(["a", "b"]))

    found = await store.read(lambda connection: connection.execute(listing))
    with pytest.raises(TypeError, match="list of values"):
        await store.read(lambda connection: connection.execute(listing, {"now": 1}))

    assert found.all() == []


async def test_a_missing_parameter_is_an_error_and_no_503(store: Store) -> None:
    with pytest.raises(TypeError, match="needs"):
        await store.read(lambda connection: connection.execute(_ALL, {"other": 1}))


def test_a_commit_to_a_file_waits_for_the_disk_and_one_to_a_temporary_file_does_not() -> None:
    # These tests replace it, to be quick.
    pragmas = inspect.unwrap(sqlite_module.pragmas)

    assert "synchronous = FULL" in pragmas(durable=True)
    assert "synchronous = OFF" in pragmas(durable=False)
