"""PostgreSQL fails over under load: a synchronous standby takes the place of the primary."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from doorward.authserver.store import deadline
from doorward.authserver.store.rows.rate_counters import RateCounters
from tests.authserver.conftest import ON_POSTGRESQL, StartAuthServer
from tests.authserver.harness import AuthServerHarness
from tests.ledger import proves
from tests.postgresql.cluster import Cluster

pytestmark = [
    *ON_POSTGRESQL,
    # The servers of these tests are their own.
    pytest.mark.parametrize("databases", ["sqlite"], indirect=True),
]
SECRET = "g7Lw-20xmPqd4-vvRzk8-ebT61-nUy95-hjC3s"
CLIENTS = 6


@dataclass
class Pair:
    """A primary, its synchronous standby, and the path of a database on both."""

    primary: Cluster
    standby: Cluster
    database: str

    def url(self, *clusters: Cluster) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in clusters or self.both)
        return f"postgresql://doorward@{hosts}/{self.database}"

    @property
    def both(self) -> tuple[Cluster, Cluster]:
        return self.primary, self.standby


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Two servers, each commit on both of them."""
    primary = Cluster()
    database = (await primary.migrated_database()).rpartition("/")[2]
    standby = Cluster(follows=primary)
    await primary.require_standby()
    yield Pair(primary, standby, database)
    primary.close()
    standby.close()


@dataclass
class Client:
    """An honest client: it sends its token again until it is answered."""

    harness: AuthServerHarness
    client_id: str
    refresh_token: str
    refused: list[Any] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)

    async def refresh(self) -> None:
        while True:
            answer = await self.harness.refresh(self.client_id, self.refresh_token)
            if answer.response.status_code == 200:
                self.spent.append(self.refresh_token)
                self.refresh_token = answer.refresh
                return
            if answer.response.status_code != 503:
                self.refused.append(answer.body)
                return
            self.faults.append(answer.response)

    async def refresh_until(self, over: asyncio.Event) -> None:
        while not over.is_set() and not self.refused:
            await self.refresh()


async def signed_in(harness: AuthServerHarness, number: int) -> list[Client]:
    """Return clients, each with tokens of its own."""
    client_id = (await harness.register())["client_id"]
    tokens = [await harness.tokens(client_id) for _ in range(number)]
    return [Client(harness, client_id, one.refresh) for one in tokens]


@proves("S212", "accepts", "PostgreSQL fail-over")
@proves("S212", "refuses", "PostgreSQL fail-over")
async def test_what_was_acknowledged_outlives_the_primary_and_nothing_counts_twice(
    start_authserver: StartAuthServer, pair: Pair
) -> None:
    harness: AuthServerHarness = await start_authserver(database_url=pair.url(), secret=SECRET)
    clients = await signed_in(harness, CLIENTS)
    client_id = clients[0].client_id
    code = harness.code_fields(client_id, await harness.code(client_id))
    redeemed = await harness.token(code)
    counters = RateCounters(harness.server.services.store, harness.clock)
    counted = [(await counters.add("key", 60)).count for _ in range(3)]
    over = asyncio.Event()
    load = [asyncio.create_task(client.refresh_until(over)) for client in clients]
    while min(len(client.spent) for client in clients) < 2:
        await asyncio.sleep(0)

    pair.primary.kill()
    await asyncio.to_thread(pair.standby.promote)
    before = [len(client.spent) for client in clients]
    while any(len(client.spent) <= seen for client, seen in zip(clients, before, strict=True)):
        assert not any(client.refused for client in clients), clients
        await asyncio.sleep(0)
    over.set()
    await asyncio.gather(*load)
    again = await harness.token(code)
    stolen = await harness.refresh(client_id, clients[0].spent[0])
    parked = await harness.refresh(client_id, clients[1].refresh_token)
    counted.append((await counters.add("key", 60)).count)

    assert [client.refused for client in clients] == [[]] * CLIENTS
    assert redeemed.response.status_code == 200
    assert (again.response.status_code, again.body["error"]) == (400, "invalid_grant")
    assert (stolen.response.status_code, stolen.body["error"]) == (400, "invalid_grant")
    assert parked.response.status_code == 200
    # The counters of rate limits are in an unlogged table.
    assert counted == [1, 2, 3, 1]
    faults = [answer for client in clients for answer in client.faults]
    assert all("retry-after" in answer.headers for answer in faults)


@proves("S212", "refuses", "PostgreSQL fail-over")
async def test_a_primary_that_wakes_after_the_fail_over_accepts_no_write(
    start_authserver: StartAuthServer, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness: AuthServerHarness = await start_authserver(
        database_url=pair.url(pair.standby, pair.primary), secret=SECRET
    )
    (client,) = await signed_in(harness, 1)
    late: AuthServerHarness = await start_authserver(
        database_url=pair.url(pair.primary), secret=SECRET
    )

    pair.primary.pause()
    await asyncio.to_thread(pair.standby.promote)
    monkeypatch.setattr(deadline, "SECONDS", 1.0)
    while (
        answer := await harness.refresh(client.client_id, client.refresh_token)
    ).response.status_code == 503:
        pass
    monkeypatch.setattr(deadline, "SECONDS", 0.5)
    pair.primary.resume()
    at_the_old_one = [await late.refresh(client.client_id, client.refresh_token) for _ in range(3)]
    monkeypatch.setattr(deadline, "SECONDS", 60.0)
    after = await harness.refresh(client.client_id, answer.refresh)

    assert answer.response.status_code == 200
    assert {one.response.status_code for one in at_the_old_one} == {503}
    assert after.response.status_code == 200
