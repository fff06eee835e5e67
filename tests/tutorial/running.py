"""The commands of the last two steps as processes: step 10, the proxy, and the client of step 11."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from tests.e2e.home import environment_of
from tests.e2e.processes import free_port
from tests.keycloak.running import RunningKeycloak

BINARIES = Path(sys.executable).parent
COMES_UP_WITHIN = 60.0


class DidNotCome(Exception):
    """The process ended, or took too long, before it listened; the text is what it said."""


class Running:
    """One process that says "Listening on" when it does; ``said`` is all it says."""

    def __init__(self, *command: str, cwd: Path, environment: Mapping[str, str] | None = None):
        self.said: list[str] = []
        self._up = threading.Event()
        self._listens = False
        self._process = subprocess.Popen(
            [str(BINARIES / command[0]), *command[1:]],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()
        if not self._up.wait(COMES_UP_WITHIN) or not self._listens:
            self.stop()
            raise DidNotCome("\n".join(self.said))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Ask it to stop as Ctrl-C does, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.returncode

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.said.append(line.rstrip("\n"))
            if line.startswith("Listening on"):
                self._listens = True
                self._up.set()
        # The end of its output wakes whoever waits for it, too.
        self._up.set()


class Step10:
    """Where a step 10 is, and what it has said so far."""

    def __init__(self, address: str, issuer: str, process: Running) -> None:
        self.address = address
        self.issuer = issuer
        self.process = process

    @property
    def mcp(self) -> str:
        """The address of its MCP endpoint."""
        return f"{self.address}/mcp"


def write_env(file: Path, **settings: str) -> Path:
    """Write a file of settings and return it."""
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return file


@contextmanager
def step10(
    keycloak: RunningKeycloak, folder: Path, *, proxy: str | None = None
) -> Iterator[Step10]:
    """Run step 10 on a free port, whose tokens come from Keycloak itself or through ``proxy``."""
    port = free_port()
    address, url = f"http://localhost:{port}", proxy or keycloak.url
    keycloak.accept_audience(f"{address}/mcp")
    env = write_env(
        folder / f"step10-{port}.env",
        KEYCLOAK_URL=url,
        KEYCLOAK_REALM="mcp-realm",
        MCP_SERVER_URL=address,
        JWT_ISSUER=f"{url}/realms/mcp-realm",
        JWT_AUDIENCE=f"{address}/mcp",
    )
    with Running("step10", "--env", str(env), cwd=folder) as process:
        yield Step10(address, f"{url}/realms/mcp-realm", process)


@contextmanager
def proxy(keycloak: RunningKeycloak, folder: Path) -> Iterator[str]:
    """Run ``doorward gateway`` on a free port in front of Keycloak, and return its address."""
    port = free_port()
    env = write_env(
        folder / f"proxy-{port}.env",
        KEYCLOAK_URL=f"http://localhost:{port}",
        KEYCLOAK_UPSTREAM_URL=keycloak.url,
        KEYCLOAK_REALM="mcp-realm",
        MCP_SERVER_URL="http://localhost:9000",
    )
    with Running("doorward", "gateway", "--env", str(env), cwd=folder):
        yield f"http://localhost:{port}"


def step11(
    folder: Path, username: str, password: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the client to its end, for a user whose browser signs them in."""
    return subprocess.run(
        [str(BINARIES / "step11"), *arguments],
        cwd=folder,
        env={**environment_of(folder, username, password), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
