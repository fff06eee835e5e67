"""Replicas on PostgreSQL count together; processes on SQLite count for themselves."""

import asyncio
from typing import Any

import pytest

from doorward.authserver.rate_limits import RateLimits
from doorward.authserver.refusals import StoreUnavailable, TooManyRequests
from doorward.authserver.settings.lifetimes import Limits
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.rate_counters import RateCounters
from tests.authserver.conftest import ON_POSTGRESQL, StartAuthServer, StoppedClock
from tests.authserver.databases import Databases
from tests.authserver.harness import AuthServerHarness
from tests.ledger import proves

POSTGRESQL_ONLY = pytest.mark.parametrize(
    "databases", [pytest.param("postgresql", marks=ON_POSTGRESQL)], indirect=True
)
SECRET = "g7Lw-20xmPqd4-vvRzk8-ebT61-nUy95-hjC3s"


@pytest.fixture
async def replicas(database_url: str, clock: StoppedClock) -> Any:
    """The limits of three replicas."""
    stores = [Store(database_url) for _ in range(3)]
    yield [RateLimits(clock, RateCounters(store, clock)) for store in stores]
    for store in stores:
        await store.aclose()


async def outcomes(limits: list[RateLimits], number: int, rate: str) -> list[str]:
    """Count at the replicas in turn, all at once, and return how each request ended."""

    async def one(at: RateLimits) -> str:
        try:
            await at.count(rate, "register", "192.0.2.1")
        except TooManyRequests as refused:
            return "refused" if 0 < refused.retry_after <= 61 else "refused for too long"
        return "served"

    return await asyncio.gather(*(one(limits[turn % len(limits)]) for turn in range(number)))


@POSTGRESQL_ONLY
@proves("S213", "refuses", "limits over replicas")
@proves("S213", "accepts", "limits over replicas")
async def test_three_replicas_serve_as_many_requests_as_the_limit_says(
    replicas: list[RateLimits], clock: StoppedClock
) -> None:
    together = await outcomes(replicas, 30, "10/minute")
    clock.advance(61)
    later = await outcomes(replicas, 10, "10/minute")

    assert sorted(together) == ["refused"] * 20 + ["served"] * 10
    assert later == ["served"] * 10


@POSTGRESQL_ONLY
async def test_what_was_no_failure_is_given_back_at_every_replica(
    replicas: list[RateLimits], clock: StoppedClock
) -> None:
    first, second, _ = replicas
    await first.count("1/minute", "x", "a")
    await second.uncount("1/minute", "x", "a")

    await second.count("1/minute", "x", "a")
    with pytest.raises(TooManyRequests):
        await first.count("1/minute", "x", "a")
    clock.advance(61)
    await first.uncount("1/minute", "x", "a")
    await first.count("1/minute", "x", "a")
    with pytest.raises(TooManyRequests):
        await second.count("1/minute", "x", "a")


@POSTGRESQL_ONLY
async def test_a_window_that_a_clock_ahead_began_locks_nobody_out(
    replicas: list[RateLimits], clock: StoppedClock
) -> None:
    clock.advance(86400)
    await replicas[0].count("1/minute", "x")
    clock.advance(-86400)

    await replicas[1].count("1/minute", "x")


async def wrong_codes(harness: AuthServerHarness, client: str, number: int) -> list[int]:
    """Send codes that nobody issued; return the statuses."""
    fields = harness.code_fields(client, "a-code-that-nobody-issued")
    return [(await harness.token(fields)).response.status_code for _ in range(number)]


@POSTGRESQL_ONLY
@proves("S213", "refuses", "limits over replicas")
async def test_guesses_at_one_replica_count_at_the_other(
    start_authserver: StartAuthServer, database_url: str
) -> None:
    limits = Limits(token_failures_per_address="4/minute")
    kept = {"database_url": database_url, "secret": SECRET, "limits": limits}
    first, second = await start_authserver(**kept), await start_authserver(**kept)
    client = (await first.register())["client_id"]

    assert await wrong_codes(first, client, 2) == [400, 400]
    assert await wrong_codes(second, client, 3) == [400, 400, 429]
    assert await wrong_codes(first, client, 2) == [429, 429]


@POSTGRESQL_ONLY
@proves("S213", "refuses", "limits over replicas")
async def test_without_the_shared_counter_a_limited_request_is_503(
    replicas: list[RateLimits], clock: StoppedClock
) -> None:
    away = Store("postgresql://doorward@127.0.0.1:1/doorward")
    limits = RateLimits(clock, RateCounters(away, clock))

    with pytest.raises(StoreUnavailable):
        await limits.count("10/minute", "register", "192.0.2.1")
    await away.aclose()


async def test_the_table_names_no_address_and_is_empty_on_sqlite(
    start_authserver: StartAuthServer, database_url: str, databases: Databases
) -> None:
    harness = await start_authserver(database_url=database_url, secret=SECRET)
    await harness.register()

    async with harness.server.services.store.reading() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM rate_counters")).all()

    assert (len(rows) > 0) == databases.is_postgresql
    assert "127.0.0" not in repr(rows)
