"""``doorward demo`` as a process of its own, and everything it says."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Self

import httpx2

COMMAND = str(Path(sys.executable).parent / "doorward")
COMES_UP_WITHIN = 40.0
GOES_DOWN_WITHIN = 15.0
JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")


class DemoFailed(Exception):
    """It did not come up, or not in time; the text is what it said."""


class RunningDemo:
    """
    One running demo.

    ``secrets`` are values that must never appear in its output; whoever learns one adds it. Only
    the line that says where the demo is may hold the passwords it prints on purpose.
    """

    def __init__(
        self, *arguments: str, port: int = 0, environment: dict[str, str] | None = None
    ) -> None:
        self.secrets: set[str] = set()
        self.said: list[str] = []
        self.said_wrong: list[str] = []
        self.where: dict[str, Any] = {}
        self._up = threading.Event()
        self._process = subprocess.Popen(
            [COMMAND, "demo", "--json", "--port", str(port), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._readers = [
            threading.Thread(target=self._read, args=parts, daemon=True)
            for parts in (
                (self._process.stdout, self.said),
                (self._process.stderr, self.said_wrong),
            )
        ]
        for reader in self._readers:
            reader.start()
        self._wait()

    @property
    def mcp(self) -> str:
        """The URL of its MCP server."""
        return str(self.where["mcp"])

    @property
    def issuer(self) -> str:
        """The issuer of its authorization server."""
        return str(self.where["issuer"])

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.issuer.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def password(self, username: str) -> str:
        """Return the password it printed for a user, and watch that it is not printed again."""
        (found,) = (one for one in self.where["users"] if one["username"] == username)
        self.secrets.add(found["password"])
        return str(found["password"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop and return its exit code; it is killed when it takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(GOES_DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._cancel_task()
        return self._process.returncode

    def _cancel_task(self) -> None:
        for reader in self._readers:
            reader.join(5)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def log(self) -> str:
        """Return all it said, without the line that prints the passwords on purpose."""
        return "\n".join(
            [line for line in self.said if '"event": "listening"' not in line] + self.said_wrong
        )

    def leaks(self) -> list[str]:
        """Return the lines of its log that hold a secret or anything shaped like a token."""
        return [
            line
            for line in self.log().splitlines()
            if JWT.search(line) or any(secret in line for secret in self.secrets)
        ]

    def _read(self, pipe: IO[str], into: list[str]) -> None:
        for line in pipe:
            into.append(line.rstrip("\n"))
            if not self._up.is_set() and line.startswith("{"):
                self.where = json.loads(line)
                self._up.set()
        self._up.set()

    def _wait(self) -> None:
        # The reader also wakes this up at the end of the output: a demo that refuses to start.
        if not self._up.wait(COMES_UP_WITHIN) or "mcp" not in self.where:
            self._process.kill()
            self._process.wait()
            self._cancel_task()
            raise DemoFailed("\n".join(["the demo did not come up", *self.said, *self.said_wrong]))
        # Its sockets are open when it says so; it is up when somebody answers on them.
        httpx2.get(f"{self.issuer}/.well-known/oauth-authorization-server", timeout=COMES_UP_WITHIN)
