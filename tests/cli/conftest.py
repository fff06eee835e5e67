"""The command, run in-process against a demo that really listens."""

import asyncio
import json
import shutil
import threading
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from doorward.authserver import ServerEvent
from doorward.cli.main import run
from doorward.demo.app import Demo, DemoAddresses, DemoSettings
from doorward.guard import AuditEvent
from doorward.serving import listen
from tests.cli.scripted_user import ScriptedUser


class Clock:
    """Real time, and as much more as a test says."""

    def __init__(self) -> None:
        import time

        self._time, self.ahead = time.time, 0.0

    def __call__(self) -> float:
        return self._time() + self.ahead


@dataclass
class Running:
    """A demo that is being served."""

    url: str
    clock: Clock

    @property
    def mcp(self) -> str:
        """The address of its MCP server."""
        return f"{self.url}/mcp"


class Silent:
    """A screen that shows nothing."""

    def show_addresses(self, where: DemoAddresses) -> None:
        """Be told where the demo is."""

    def show_event(self, event: ServerEvent, who: str | None) -> None:
        """Be told what the authorization server did."""

    def show_decision(self, event: AuditEvent, who: str | None) -> None:
        """Be told what the guard decided."""


@dataclass
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    """The demo on a port of its own, in a thread of its own."""
    sockets = listen(0)
    running = Running(f"http://localhost:{sockets[0].getsockname()[1]}", Clock())
    ready = threading.Event()
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        fake_issuer = Demo(running.url, DemoSettings(), Silent(), running.clock)
        await fake_issuer.start()
        config = uvicorn.Config(fake_issuer.app, log_config=None, access_log=False, loop="asyncio")
        server.append(uvicorn.Server(config))
        ready.set()
        try:
            await server[0].serve(sockets=sockets)
        finally:
            await fake_issuer.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    yield running
    server[0].should_exit = True
    thread.join(30)
    for sock in sockets:
        sock.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command keeps its tokens."""
    monkeypatch.setenv("DOORWARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def doorward(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command line and return how it ended."""

    def command(*words: str) -> Ended:
        status = run(words)
        out, err = capsys.readouterr()
        return Ended(int(status), out, err)

    return command


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedUser]:
    """Put somebody in front of the browser."""

    def sit_down(username: str, decision: str = "allow") -> ScriptedUser:
        person = ScriptedUser(username, f"{username}-demo", decision)
        monkeypatch.setattr(webbrowser, "open", person.open)
        return person

    return sit_down


@pytest.fixture(scope="module")
def alices_home(demo: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which alice is signed in; a sign-in costs a password hash, so there is one."""
    folder = tmp_path_factory.mktemp("alice") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOORWARD_HOME", str(folder))
        patch.setattr(webbrowser, "open", ScriptedUser("alice", "alice-demo").open)
        assert run(["login", demo.mcp, "--json"]) == 0
    return folder


@pytest.fixture
def signed_in(alices_home: Path, home: Path) -> Path:
    """The command's folder, with alice signed in."""
    shutil.copytree(alices_home, home)
    return home
