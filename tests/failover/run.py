"""The run: start everything, let one fault follow the other, and count."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.failover.counts import Counts
from tests.failover.database import Database
from tests.failover.faults import FAULTS, Machine
from tests.failover.load import Load
from tests.failover.network import Network
from tests.failover.service import Service

_WARM_UP = 12.0


async def run(faults: Sequence[str], say: Callable[[str], None]) -> list[Counts]:
    """Return the counts of each fault; ``say`` is told what happens."""
    folder = Path(tempfile.mkdtemp(prefix="failover-"))
    folder.chmod(0o755)
    counted: list[Counts] = []
    with Network() as network:
        database = Database(folder, network)
        try:
            say("starting three nodes with etcd, Patroni and PostgreSQL")
            await database.start()
            service = Service(folder, database.url)
            try:
                say("starting three replicas and nginx")
                await service.start()
                machine = Machine(network, database, service)
                load = Load(service.issuer, service.mcp)
                await load.start()
                for fault in faults:
                    counted.append(await _one(fault, machine, load, say))
                    for line in counted[-1].wrong:
                        say(line)
                await load.stop()
                counted[-1].secrets_in_logs = service.leaks(load.secrets)
                service.write_logs()
            finally:
                service.close()
        finally:
            database.close()
    if all(one.is_clean() for one in counted):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"the logs are kept in {folder}")
    return counted


async def _one(fault: str, machine: Machine, load: Load, say: Callable[[str], None]) -> Counts:
    words, happen = FAULTS[fault]
    await asyncio.sleep(_WARM_UP)
    say(words)
    started = time.monotonic()
    checks = load.begin(words)
    await happen(machine, load.counts)
    await machine.database.ready()
    await load.answered()
    await checks
    load.counts.seconds = time.monotonic() - started
    return load.end()
