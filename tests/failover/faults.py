"""The faults of the run; each returns when its cause is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from tests.failover.counts import Counts
from tests.failover.database import Database
from tests.failover.network import NODES, Network
from tests.failover.service import REPLICAS, Service

# Longer than Patroni's ttl with a busy machine's delays, so that another node leads.
_LONG = 30.0
_SHORT = 8.0


class Machine:
    """Everything that can fail."""

    def __init__(self, network: Network, database: Database, service: Service) -> None:
        self.network, self.database, self.service = network, database, service


async def kill_the_primary(machine: Machine, counts: Counts) -> None:
    database = machine.database
    leader = await database.ready()
    database.kill_node(leader)
    await database.other_leader(leader)
    database.start_nodes()


async def kill_a_replica(machine: Machine, counts: Counts) -> None:
    machine.service.kill(1)
    await asyncio.sleep(_SHORT)
    await machine.service.start_replicas()


async def kill_the_etcd_leader(machine: Machine, counts: Counts) -> None:
    machine.database.kill_etcd(await machine.database.etcd_leader())
    await asyncio.sleep(_SHORT)
    machine.database.start_nodes()


async def pause_the_primary_and_wake_it(machine: Machine, counts: Counts) -> None:
    database = machine.database
    leader = await database.ready()
    session = await database.open_session(leader)
    database.pause_node(leader)
    try:
        await database.other_leader(leader)
        await asyncio.sleep(3)
    finally:
        database.resume_node(leader)
    counts.writes_at_the_old_primary += await _writes(session)


async def cut_the_primary_off(machine: Machine, counts: Counts) -> None:
    database = machine.database
    leader = await database.ready()
    machine.network.isolate(leader)
    try:
        # The node itself cannot be asked; another one says who leads.
        await database.other_leader(leader)
        await asyncio.sleep(3)
    finally:
        machine.network.heal()


async def cut_the_primary_from_its_standby(machine: Machine, counts: Counts) -> None:
    database = machine.database
    leader, standby = await database.ready(), await database.synchronous_standby()
    machine.network.cut(leader, standby if standby is not None else NODES[leader - 1])
    try:
        await asyncio.sleep(_LONG)
    finally:
        machine.network.heal()


async def fill_the_disk_of_the_primary(machine: Machine, counts: Counts) -> None:
    leader = await machine.database.ready()
    machine.database.fill_disk(leader)
    try:
        await asyncio.sleep(_LONG)
    finally:
        machine.database.free_disk(leader)
    machine.database.start_nodes()


async def stop_everything_and_start_it(machine: Machine, counts: Counts) -> None:
    database, service = machine.database, machine.service
    counts.stopped = True
    for replica in REPLICAS:
        service.kill(replica)
    for node in NODES:
        database.kill_node(node)
    for node in NODES:
        database.kill_etcd(node)
    database.start_nodes()
    await database.ready()
    await service.start_replicas()
    counts.stopped = False


async def _writes(session: Any) -> int:
    """Write with a session of before the pause; return how many writes were acknowledged."""
    done = 0
    # Until Patroni has ended the session.
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        for _ in range(20):
            update = "UPDATE users SET display_name = 'written at the old primary'"
            await asyncio.wait_for(session.execute(update), 5)
            done += 1
    with suppress(Exception):
        session.terminate()
    return done


FAULTS: dict[str, tuple[str, Callable[[Machine, Counts], Awaitable[None]]]] = {
    "kill-primary": ("kill -9 the primary and its Patroni", kill_the_primary),
    "kill-replica": ("kill -9 a replica of Doorward", kill_a_replica),
    "kill-etcd": ("kill -9 the etcd leader", kill_the_etcd_leader),
    "pause-primary": ("pause the primary, and wake it", pause_the_primary_and_wake_it),
    "isolate-primary": ("cut the primary off", cut_the_primary_off),
    "cut-standby": ("cut the primary from its standby", cut_the_primary_from_its_standby),
    "fill-disk": ("fill the disk of the primary", fill_the_disk_of_the_primary),
    "stop-all": ("stop everything and start it", stop_everything_and_start_it),
}
