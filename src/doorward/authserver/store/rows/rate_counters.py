"""Counters of rate limits that all replicas share, in PostgreSQL."""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import ColumnElement, and_, bindparam, case, update
from sqlalchemy.dialects import postgresql

from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import rate_counters
from doorward.net.clock import Clock, TimeRange

_NOW: ColumnElement[float] = bindparam("now")
_END: ColumnElement[float] = bindparam("the_end")
# A window that ends later than a new one began when the clock was ahead. It must not lock anybody out.
_OPEN = and_(rate_counters.c.expires_at > _NOW, rate_counters.c.expires_at <= _END)
# One statement: requests at the same moment, at several replicas, are all counted.
_ADD = (
    postgresql.insert(rate_counters)
    .values(digest=bindparam("the_digest"), count=1, expires_at=_END)
    .on_conflict_do_update(
        index_elements=["digest"],
        set_={
            "count": case((_OPEN, rate_counters.c.count + 1), else_=1),
            "expires_at": case((_OPEN, rate_counters.c.expires_at), else_=_END),
        },
    )
    .returning(rate_counters.c.count.label("counted"), rate_counters.c.expires_at)
)
_SUBTRACT = (
    update(rate_counters)
    .where(rate_counters.c.digest == bindparam("the_digest"), _OPEN, rate_counters.c.count > 0)
    .values(count=rate_counters.c.count - 1)
)


@dataclass(frozen=True)
class Counted:
    """How often a key was counted, and in which window."""

    count: int
    window: TimeRange


class RateCounters:
    """
    Counters in the database.

    A key is stored as its hash: addresses and usernames stay out of the table. The table is not
    logged, so counters begin at zero after a crash or a fail-over.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, key: str, period: int) -> Counted:
        """
        Add one to ``key`` and return the count in its window of ``period`` seconds.

        Raises:
            StoreUnavailable: 503; the limit cannot be held, so the request is not served.
        """
        values = self._values(key, period)

        async def work(connection: Connection) -> Counted:
            row = (await connection.execute(_ADD, values)).one_or_none()
            return Counted(row.counted, TimeRange(row.expires_at - period, row.expires_at))

        return await self._store.write(work)

    async def subtract(self, key: str, period: int) -> None:
        """
        Subtract one from ``key``, if its window has not ended.

        Raises:
            StoreUnavailable: 503.
        """
        values = self._values(key, period)
        await self._store.write(lambda connection: connection.execute(_SUBTRACT, values))

    def _values(self, key: str, period: int) -> dict[str, object]:
        now = self._clock()
        digest = sha256(key.encode()).digest()
        return {"the_digest": digest, "now": now, "the_end": now + period}
