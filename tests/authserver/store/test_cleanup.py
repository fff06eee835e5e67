"""Expired rows are deleted beside the requests, in batches, and nothing else is."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows import cleanup
from doorward.authserver.store.rows.cleanup import _BATCH, Cleanup
from doorward.authserver.store.rows.revoked_tokens import LATE
from doorward.authserver.store.schema import (
    grants,
    rate_counters,
    refresh_tokens,
    revoked_tokens,
    users,
)
from doorward.operations.observation import Work, observing
from tests.authserver.conftest import StoppedClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A migrated database of this test's own."""
    opened = Store(f"sqlite+aiosqlite:///{tmp_path / 'doorward.db'}")
    await opened.start()
    yield opened
    await opened.aclose()


async def swept(store: Store, clock: StoppedClock) -> None:
    cleanup = Cleanup(store, clock)
    cleanup.start_if_due()
    assert cleanup._task is not None
    await cleanup._task


async def test_more_than_a_batch_is_deleted_and_what_is_not_expired_stays(
    store: Store, clock: StoppedClock
) -> None:
    expired, alive = clock.now - LATE - 1, clock.now - LATE + 1
    rows = [{"token_id": str(number), "expires_at": expired} for number in range(2 * _BATCH + 1)]
    async with store.engine.begin() as connection:
        await connection.execute(insert(revoked_tokens), rows)
        await connection.execute(insert(revoked_tokens), {"token_id": "alive", "expires_at": alive})

    await swept(store, clock)

    async with store.reading() as connection:
        left = (await connection.execute(select(revoked_tokens.c.token_id))).scalars().all()
    assert left == ["alive"]


async def test_a_grant_is_deleted_a_day_after_its_end_with_its_refresh_tokens(
    store: Store, clock: StoppedClock
) -> None:
    async def fill(connection: Connection) -> None:
        await connection.execute(
            insert(users).values(
                id="u", username="a", scopes=[], roles=[], disabled=False, created_at=1.0
            )
        )
        for name, expires_at in (("old", clock.now - 86401), ("new", clock.now - 86399)):
            await connection.execute(
                insert(grants).values(
                    id=name,
                    user_id="u",
                    client_id="c",
                    redirect_uri="r",
                    resource="x",
                    scopes=[],
                    created_at=1.0,
                    expires_at=expires_at,
                )
            )
            await connection.execute(
                insert(refresh_tokens).values(
                    token_hash=name.encode(), grant_id=name, issued_at=1.0, expires_at=2.0
                )
            )

    await store.write(fill)

    await swept(store, clock)

    async with store.reading() as connection:
        assert (await connection.execute(select(grants.c.id))).scalars().all() == ["new"]
        # A rotated token is needed as long as its grant: its use reveals a theft.
        tokens = (await connection.execute(select(refresh_tokens.c.grant_id))).scalars().all()
    assert tokens == ["new"]


async def test_of_too_many_counters_those_that_end_first_are_deleted(
    store: Store, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "_MOST_COUNTERS", 3)
    ends = [*(clock.now + number for number in range(1, 2 * _BATCH)), clock.now - 1]
    rows = [
        {"digest": str(number).encode(), "count": 1, "expires_at": end}
        for number, end in enumerate(ends)
    ]
    async with store.engine.begin() as connection:
        await connection.execute(insert(rate_counters), rows)

    await swept(store, clock)

    async with store.reading() as connection:
        left = (await connection.execute(select(rate_counters.c.expires_at))).scalars().all()
    assert sorted(left) == sorted(ends)[-3:]


async def test_it_does_not_belong_to_the_request_that_began_it(
    store: Store, clock: StoppedClock
) -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    seen = set()

    class Observer:
        def observing(self, work: Work, target: str) -> AbstractContextManager[object]:
            seen.add(request.get())
            return nullcontext()

    request.set("this one")
    with observing(Observer()):
        await swept(store, clock)

    assert seen == {"none"}


async def test_it_begins_at_most_once_a_minute(store: Store, clock: StoppedClock) -> None:
    cleanup = Cleanup(store, clock)
    cleanup.start_if_due()
    first = cleanup._task
    assert first is not None
    await first

    clock.advance(59)
    cleanup.start_if_due()
    assert cleanup._task is first
    clock.advance(1)
    cleanup.start_if_due()
    assert cleanup._task is not first
    await cleanup.aclose()


async def test_a_database_that_is_down_is_left_for_the_next_time(
    store: Store, clock: StoppedClock, tmp_path: Path
) -> None:
    async with store.reading() as connection:
        await connection.execute(select(func.count()).select_from(grants))
    await store.aclose()
    (tmp_path / "doorward.db").unlink()
    (tmp_path / "doorward.db").mkdir()

    await swept(store, clock)
