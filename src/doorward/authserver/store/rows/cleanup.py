"""Deletes what has expired, beside the requests and in small batches."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass

from sqlalchemy import Column, Delete, Table, bindparam, delete, select, tuple_

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.settings.lifetimes import LONGEST_GRACE
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.revoked_tokens import LATE
from doorward.authserver.store.schema import (
    connect_links,
    ended_provider_tokens,
    grants,
    known_browsers,
    provider_logins,
    provider_sessions,
    rate_counters,
    refresh_tokens,
    revoked_tokens,
    sessions,
    spent_assertions,
    transactions,
)
from doorward.net.clock import CLOCK_SKEW, Clock

_INTERVAL = 60.0
_BATCH = 200
# Strangers make a counter with each new address. Those that end first are deleted, about 200 bytes each.
_MOST_COUNTERS = 1_000_000
# A day longer than its last token, so that introspection still finds a grant.
_GRANT_LATE = 86400.0
# Longer than any grace period, with room for the clocks of two replicas. From then on, the use of a
# rotated token ends its grant, and the token says which grant that is.
_ROTATED_LATE = LONGEST_GRACE + 2 * CLOCK_SKEW


@dataclass(frozen=True)
class _Expired:
    """What is deleted from one table, ``late`` seconds after it expired."""

    statement: Delete
    late: float = 0.0


def _expired(table: Table, expires_at: Column[float] | None = None, late: float = 0.0) -> _Expired:
    column = table.c.expires_at if expires_at is None else expires_at
    keys = list(table.primary_key.columns)
    found = select(*keys).where(column < bindparam("over"))
    if column.table is not table:
        found = found.join_from(table, column.table)
    # In one order and without what others hold: two processes that clean up never wait for each
    # other, nor for a request.
    batch = found.order_by(column, *keys).limit(_BATCH).with_for_update(of=table, skip_locked=True)
    return _Expired(delete(table).where(tuple_(*keys).in_(batch)), late)


_TABLES = (
    _expired(refresh_tokens, refresh_tokens.c.rotated_at, late=_ROTATED_LATE),
    # Before the grants, each of which deletes what it still has.
    _expired(refresh_tokens, grants.c.expires_at, late=_GRANT_LATE),
    _expired(grants, late=_GRANT_LATE),
    _expired(transactions),
    _expired(sessions),
    _expired(known_browsers),
    _expired(provider_logins),
    _expired(connect_links),
    _expired(provider_sessions),
    _expired(ended_provider_tokens),
    _expired(spent_assertions),
    _expired(revoked_tokens, late=LATE),
)


_COUNTERS = _expired(rate_counters)
_LAST_KEPT = (
    select(rate_counters.c.expires_at)
    .order_by(rate_counters.c.expires_at.desc())
    .offset(bindparam("others"))
    .limit(1)
)


class Cleanup:
    """
    Deletes expired rows once a minute, while there are requests.

    Of the counters of rate limits, it keeps a million at most. ``first`` is what happens once a minute before that.
    """

    def __init__(
        self, store: Store, clock: Clock, first: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._first = first
        self._began_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start_if_due(self) -> None:
        """Begin to delete, unless that was done within the last minute."""
        now = self._clock()
        if 0 <= now - self._began_at < _INTERVAL:
            return
        self._began_at = now
        if self._task is None or self._task.done():
            # Of no request: its trace would have these transactions, which end after it, as its own.
            self._task = asyncio.create_task(self._delete_all(now), context=Context())

    async def aclose(self) -> None:
        """Stop, after the batch in progress."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _delete_all(self, now: float) -> None:
        # What is left is deleted a minute later.
        with suppress(StoreUnavailable):
            if self._first is not None:
                await self._first()
            for one in _TABLES:
                await self._delete_batches(one, now - one.late)
            await self._delete_batches(_COUNTERS, max(now, await self._last_kept()))

    async def _last_kept(self) -> float:
        others = {"others": _MOST_COUNTERS - 1}
        found = await self._store.read(lambda connection: connection.execute(_LAST_KEPT, others))
        return found.scalar_one_or_none() or 0.0

    async def _delete_batches(self, expired: _Expired, over: float) -> None:
        while await self._delete(expired, over) == _BATCH:
            pass

    async def _delete(self, expired: _Expired, over: float) -> int:
        deleted = await self._store.write(
            lambda connection: connection.execute(expired.statement, {"over": over})
        )
        return deleted.rowcount
