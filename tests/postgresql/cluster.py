"""A PostgreSQL server of the tests' own, with a database for each test."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import asyncpg
import psutil

from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import metadata
from tests.e2e.processes import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_TEMPLATE = "doorward_template"
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
# TRUNCATE makes new files for each table and index, which takes ten times as long.
_EMPTY = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))
_TEST_SETTINGS = {
    # A test's database needs not survive a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
}


def programs() -> Path | None:
    """Return the folder with PostgreSQL's programs; Debian keeps them off the path."""
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Cluster:
    """
    One PostgreSQL server on a free port of 127.0.0.1, in a temporary folder.

    With ``follows``, it is a standby of that server.
    """

    def __init__(
        self,
        settings: Mapping[str, str] = _TEST_SETTINGS,
        *,
        password: str | None = None,
        follows: "Cluster | None" = None,
    ) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        # Its path holds a Unix socket too, and must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self.port = free_port()
        self._settings = settings
        self._numbers = count(1)
        self._has_template = self._killed = False
        self._free: list[str] = []
        # PostgreSQL does not run as root.
        self._account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        authentication = ["-A", "trust"]
        if password is not None:
            (self.folder / "password").write_text(password)
            authentication = ["-A", "scram-sha-256", "--pwfile", str(self.folder / "password")]
        if follows is None:
            self._run("initdb", *authentication, "-U", "doorward", "-N", "-D", str(self.data))
        else:
            source = ["-d", follows.url(), "-c", "fast", "--write-recovery-conf"]
            self._run("pg_basebackup", *source, "-D", str(self.data))
        self.start()

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    def url(self, database: str = "postgres", *, user: str = "doorward") -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), **self._settings}
        settings["unix_socket_directories"] = str(self.folder)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = str(self.folder / "log")
        data = str(self.data)
        self._run("pg_ctl", "start", "-w", "-t", "90", "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        """Stop the server; its connections break."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.data))

    def kill(self) -> None:
        """Kill every process of the server with SIGKILL, for good."""
        self._signal(signal.SIGKILL)
        self._killed = True

    def promote(self) -> None:
        """Make a standby accept writes."""
        self._run("pg_ctl", "promote", "-w", "-t", "90", "-D", str(self.data))

    async def require_standby(self) -> None:
        """Acknowledge a commit when a standby has it, from now on."""
        await self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await self.execute("SELECT pg_reload_conf()")
        connection = await asyncpg.connect(self.url())
        try:
            while not await connection.fetchval(_SYNCHRONOUS):
                await connection.fetchval("SELECT pg_sleep(0.01)")
        finally:
            await connection.close()

    def pause(self) -> None:
        """Stop every process of the server with SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the processes run again."""
        self._signal(signal.SIGCONT)

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Execute a statement of SQL."""
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def new_database(self, template: str = "template1") -> str:
        """Return the URL of a new database, which is empty or a copy of ``template``."""
        name = f"test_{next(self._numbers)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    async def migrated_database(self) -> str:
        """Return the URL of a database with the tables of Doorward, all empty."""
        if self._free:
            return self._free.pop()
        if not self._has_template:
            await self.execute(f"CREATE DATABASE {_TEMPLATE}")
            store = Store(self.url(_TEMPLATE))
            await store.start()
            await store.aclose()
            self._has_template = True
        return await self.new_database(_TEMPLATE)

    async def give_back(self, url: str) -> None:
        """Empty a database of ``migrated_database`` for another test; that is quicker than a new one."""
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(_END_OTHERS)
            await connection.execute(_EMPTY)
        finally:
            await connection.close()
        self._free.append(url)

    async def drop(self, url: str) -> None:
        """Remove a database, with its connections."""
        await self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    async def stored_bytes(self, url: str) -> bytes:
        """Return every byte that a database has on disk."""
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("CHECKPOINT")
            number = await connection.fetchval(
                "SELECT oid FROM pg_database WHERE datname = current_database()"
            )
        finally:
            await connection.close()
        return b"".join(path.read_bytes() for path in (self.data / f"base/{number}").iterdir())

    def close(self) -> None:
        """Stop the server and remove its folder."""
        try:
            if not self._killed:
                self.resume()
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        # The server must not fork while its children are listed.
        postmaster.send_signal(signal.SIGSTOP)
        for process in (*postmaster.children(recursive=True), postmaster):
            process.send_signal(number)

    def _run(self, program: str, *arguments: str) -> None:
        account = self._account
        given = (
            {}
            if account is None
            else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            # A server keeps the descriptors that it inherits; a pipe would never end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            check=False,
            **given,  # type: ignore[call-overload]
        )
        if done.returncode != 0:
            log = self.folder / "log"
            said = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed with status {done.returncode}\n{said}")
