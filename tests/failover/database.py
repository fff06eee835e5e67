"""Three PostgreSQL nodes under Patroni, with an etcd member on each; any of them can be killed."""

import asyncio
import os
import pwd
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psutil
import yaml

from tests.failover.network import NODES, Network
from tests.postgresql.cluster import programs

_CLIENT, _PEER, _REST = 2379, 2380, 8008
_DISK = "400m"
# Brought by make: the run is made with Patroni 4, and Debian 12 has 3.
PATRONI_PROGRAM = Path(__file__).parent / ".cache" / "patroni" / "bin" / "patroni"
# What an operator sets.
_CLUSTER = Path(__file__).parents[2] / "deploy" / "patroni" / "cluster.yml"
_SMALL = {"shared_buffers": "32MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}


class NotInTime(Exception):
    """The cluster was not in the expected state in time."""


class Database:
    """The cluster. Each node has a disk of its own, an etcd member and a PostgreSQL under Patroni."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._folder = folder
        self._network = network
        self._account = pwd.getpwnam("postgres")
        self._etcd: dict[int, subprocess.Popen[bytes]] = {}
        self._patroni: dict[int, subprocess.Popen[bytes]] = {}
        self._etcd_state = "new"
        self._http = httpx2.Client(timeout=2, trust_env=False)

    @property
    def url(self) -> str:
        """The URL with every host."""
        hosts = ",".join(self._network.address(node) for node in NODES)
        return f"postgresql://doorward@{hosts}/doorward"

    async def start(self) -> None:
        """Make the disks, start every node, and create the database."""
        for node in NODES:
            disk = self._disk(node)
            disk.mkdir(parents=True)
            _mount(disk)
            self._write_configuration(node)
            os.chown(disk, self._account.pw_uid, self._account.pw_gid)
        self.start_nodes()
        leader = await self.ready(120)
        connection = await self._connect(leader, "postgres")
        try:
            await connection.execute("CREATE ROLE doorward LOGIN")
            await connection.execute("CREATE DATABASE doorward OWNER doorward")
        finally:
            await connection.close()

    def start_nodes(self) -> None:
        """Start each etcd member and each Patroni that does not run."""
        for node in NODES:
            if node not in self._etcd:
                self._etcd[node] = self._start(node, f"etcd{node}", self._etcd_command(node))
        self._etcd_state = "existing"
        for node in NODES:
            if node not in self._patroni:
                command = [str(PATRONI_PROGRAM), str(self._file(node))]
                self._patroni[node] = self._start(node, f"patroni{node}", command)

    def close(self) -> None:
        """End every process and give the disks back."""
        for node in NODES:
            with suppress(psutil.Error):
                self.resume_node(node)
            self.kill_node(node)
            self.kill_etcd(node)
            subprocess.run(["umount", "-l", self._disk(node)], check=False, timeout=30)
        self._http.close()

    # Faults.

    def kill_node(self, node: int) -> None:
        """Kill PostgreSQL and Patroni of a node with SIGKILL."""
        if (patroni := self._patroni.pop(node, None)) is not None:
            patroni.kill()
            patroni.wait()
        for process in self._postgresql(node):
            with suppress(psutil.Error):
                process.kill()

    def kill_etcd(self, node: int) -> None:
        """Kill the etcd member of a node with SIGKILL."""
        if (etcd := self._etcd.pop(node, None)) is not None:
            etcd.kill()
            etcd.wait()

    def pause_node(self, node: int) -> None:
        """Stop PostgreSQL and Patroni of a node with SIGSTOP."""
        self._patroni[node].send_signal(signal.SIGSTOP)
        for process in self._postgresql(node):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGSTOP)

    def resume_node(self, node: int) -> None:
        """Let the node run again: PostgreSQL first, which is what may write."""
        for process in self._postgresql(node):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        if node in self._patroni:
            self._patroni[node].send_signal(signal.SIGCONT)

    def fill_disk(self, node: int) -> None:
        """Write to the disk of a node until nothing fits."""
        with suppress(OSError), (self._disk(node) / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))

    def free_disk(self, node: int) -> None:
        """Remove what ``fill_disk`` wrote."""
        (self._disk(node) / "filler").unlink(missing_ok=True)

    # What the cluster says of itself.

    async def leader(self) -> int | None:
        """Return the node that Patroni has made the leader, and that accepts writes."""
        for node, member in (await asyncio.to_thread(self._members)).items():
            if member["role"] in ("leader", "master", "primary") and member["state"] == "running":
                return node
        return None

    async def synchronous_standby(self) -> int | None:
        """Return the node that has each commit before it is acknowledged."""
        for node, member in (await asyncio.to_thread(self._members)).items():
            if member["role"] == "sync_standby" and member["state"] in ("running", "streaming"):
                return node
        return None

    async def etcd_leader(self) -> int:
        """Return the node whose etcd member leads."""
        for node in NODES:
            with suppress(httpx2.HTTPError, KeyError):
                url = f"http://{self._network.address(node)}:{_CLIENT}/v3/maintenance/status"
                status = (await asyncio.to_thread(self._http.post, url, json={})).json()
                if status["leader"] == status["header"]["member_id"]:
                    return node
        raise NotInTime("no etcd member leads")

    async def ready(self, within: float = 90) -> int:
        """Return the leader, once there are a synchronous standby and a third node beside it."""
        ends = time.monotonic() + within
        members: dict[int, Any] = {}
        while time.monotonic() < ends:
            members = await asyncio.to_thread(self._members)
            states = [one["state"] for one in members.values()]
            roles = [one["role"] for one in members.values()]
            well = all(state in ("running", "streaming") for state in states)
            if len(members) == len(NODES) and well and "sync_standby" in roles:
                leader = await self.leader()
                if leader is not None:
                    return leader
            await asyncio.sleep(0.5)
        raise NotInTime(f"the members are {members}; see {self._folder}")

    async def other_leader(self, than: int, within: float = 90) -> int:
        """Return the leader, once it is another one."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            leader = await self.leader()
            if leader not in (None, than):
                return int(leader)
            await asyncio.sleep(0.2)
        raise NotInTime(f"node {than} has no successor; see {self._folder}")

    async def open_session(self, node: int) -> Any:
        """Return a session at a node, whatever its role is."""
        return await self._connect(node, "doorward")

    async def _connect(self, node: int, database: str) -> Any:
        return await asyncpg.connect(
            host=self._network.address(node), user="postgres", database=database, timeout=5
        )

    def _members(self) -> dict[int, Any]:
        for node in NODES:
            with suppress(httpx2.HTTPError, ValueError, KeyError):
                url = f"http://{self._network.address(node)}:{_REST}/cluster"
                found = self._http.get(url).json()["members"]
                return {int(one["name"].removeprefix("node")): one for one in found}
        return {}

    def _postgresql(self, node: int) -> list[psutil.Process]:
        try:
            pid = int((self._data(node) / "postmaster.pid").read_text().split()[0])
            postmaster = psutil.Process(pid)
            # The file outlives a killed server, and its number may be somebody else's.
            if str(self._data(node)) not in " ".join(postmaster.cmdline()):
                return []
            postmaster.send_signal(signal.SIGSTOP)
            return [*postmaster.children(recursive=True), postmaster]
        except (OSError, ValueError, psutil.Error):
            return []

    def _start(self, node: int, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        account = str(self._account.pw_uid), str(self._account.pw_gid)
        drop = ["setpriv", "--reuid", account[0], "--regid", account[1], "--clear-groups"]
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                self._network.inside(node, [*drop, *command]),
                cwd=self._disk(node),
                env={"PATH": os.environ["PATH"], "HOME": str(self._disk(node)), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _etcd_command(self, node: int) -> list[str]:
        address = self._network.address(node)
        peers = ",".join(f"node{one}=http://{self._network.address(one)}:{_PEER}" for one in NODES)
        clients, peer = f"http://{address}:{_CLIENT}", f"http://{address}:{_PEER}"
        # A busy machine must not look like a fault.
        options = {
            "name": f"node{node}", "data-dir": str(self._disk(node) / "etcd"),
            "listen-client-urls": clients, "advertise-client-urls": clients,
            "listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
            "initial-cluster": peers, "initial-cluster-state": self._etcd_state,
            "heartbeat-interval": "300", "election-timeout": "3000", "log-level": "warn",
        }  # fmt: skip
        return ["etcd", *(f"--{name}={value}" for name, value in options.items())]

    def _write_configuration(self, node: int) -> None:
        address, found = self._network.address(node), programs()
        hba = [
            "local all all trust",
            *(f"host {of} all {self._network.range} trust" for of in ("all", "replication")),
        ]
        told = {
            "scope": "doorward",
            "name": f"node{node}",
            "restapi": {"listen": f"{address}:{_REST}", "connect_address": f"{address}:{_REST}"},
            "etcd3": {"hosts": [f"{self._network.address(one)}:{_CLIENT}" for one in NODES]},
            "bootstrap": {
                "dcs": yaml.safe_load(_CLUSTER.read_text()),
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}],
            },
            "postgresql": {
                "listen": f"{address}:5432",
                "connect_address": f"{address}:5432",
                "data_dir": str(self._data(node)),
                "bin_dir": str(found),
                "pg_hba": hba,
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "postgres"},
                },
                "parameters": {**_SMALL, "unix_socket_directories": str(self._disk(node))},
            },
        }  # fmt: skip
        self._file(node).write_text(yaml.safe_dump(told))

    def _disk(self, node: int) -> Path:
        return self._folder / f"disk{node}"

    def _data(self, node: int) -> Path:
        return self._disk(node) / "data"

    def _file(self, node: int) -> Path:
        return self._folder / f"node{node}.yml"


def _mount(disk: Path) -> None:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(disk)], check=True, timeout=30
    )
