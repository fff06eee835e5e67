"""``doorward serve`` as a process of its own, and everything it says."""

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from doorward.config import opened
from tests.e2e.running_demo import COMES_UP_WITHIN, COMMAND, GOES_DOWN_WITHIN, JWT


class RunningService:
    """
    A running ``doorward serve``; ``secrets`` are values that must never appear in its output.

    ``passwords`` are of users in its database, who are added before it starts. ``arguments`` are
    those of another command that serves.
    """

    def __init__(
        self,
        file: Path,
        *,
        passwords: dict[str, str] | None = None,
        arguments: Sequence[str] | None = None,
    ) -> None:
        self.file = file
        self.secrets: set[str] = set((passwords or {}).values())
        self._passwords = passwords or {}
        self.said: list[str] = []
        self.said_wrong: list[str] = []
        self._news = threading.Condition()
        if passwords and arguments is None:
            asyncio.run(_add_users(file, passwords))
        self._process = subprocess.Popen(
            [COMMAND, *(arguments or ("serve", str(file)))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
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
        self.where = self.event("serving")["facts"]
        if passwords and arguments is not None:
            asyncio.run(_add_users(file, passwords))

    @property
    def issuer(self) -> str:
        """The issuer of its authorization server."""
        return str(self.where["issuer"])

    @property
    def mcp(self) -> str:
        """The URL of its first MCP server."""
        return str(self.where["mcp_servers"][0])

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def password(self, username: str) -> str:
        """Return the password of a user."""
        return self._passwords.get(username, "")

    def event(self, kind: str, seen: int = 0) -> dict[str, Any]:
        """Return the event of that kind after ``seen`` others, as soon as it is written."""

        def found() -> list[dict[str, Any]]:
            lines = [json.loads(line) for line in self.said if line.startswith("{")]
            return [one for one in lines if one["event"] == kind]

        with self._news:
            came = self._news.wait_for(lambda: len(found()) > seen, COMES_UP_WITHIN)
        assert came, "\n".join([f"no event {kind}", *self.said, *self.said_wrong])
        return found()[seen]

    def reload(self) -> None:
        """Send SIGHUP."""
        self._process.send_signal(signal.SIGHUP)

    def signal_stop(self) -> None:
        """Send SIGTERM, and do not wait."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Stop it and return its exit status; it is killed when it takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """Return its exit status; it is killed when it takes too long."""
        try:
            self._process.wait(GOES_DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(5)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        return self._process.returncode

    def leaks(self) -> list[str]:
        """Return the lines of its output that hold a secret or anything shaped like a token."""
        return [
            line
            for line in [*self.said, *self.said_wrong]
            if JWT.search(line) or any(secret in line for secret in self.secrets)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, pipe: IO[str], into: list[str]) -> None:
        for line in pipe:
            with self._news:
                into.append(line.rstrip("\n"))
                self._news.notify_all()


async def _add_users(file: Path, passwords: dict[str, str]) -> None:
    async with opened(file) as server:
        for username, password in passwords.items():
            await server.users.add(username, password, scopes={"mcp:read", "mcp:tools"})
