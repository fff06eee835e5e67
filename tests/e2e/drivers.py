"""Run a driver as a process of its own and return the record it prints."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.journey import Errand, Record
from tests.e2e.processes import Process, kill, started

ROOT = Path(__file__).parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"
NODE = Path(sys.executable).parent / "node"
LONGEST = 60.0
# Of a process that goes on many errands.
LIFE = 3600.0


class DriverFailed(Exception):
    """The client did not come to the end of its journey; the text is what it said on the way."""


@dataclass(frozen=True)
class Driver:
    """One stock client: its name in test ids, and what runs it."""

    name: str
    command: tuple[str, ...]
    cwd: Path
    browser_is_ours: bool


PYTHON_SDK = Driver("python-sdk", (sys.executable, "-m", "tests.e2e.drive_python_sdk"), ROOT, False)
FASTMCP = Driver("fastmcp", (sys.executable, "-m", "tests.e2e.drive_fastmcp"), ROOT, False)
MCP_REMOTE = Driver("mcp-remote", (sys.executable, "-m", "tests.e2e.drive_mcp_remote"), ROOT, False)
TYPESCRIPT = Driver("typescript-sdk", (str(NODE), "typescript_client.mjs"), CLIENTS, True)


class DriverSession:
    """One driver as a process that goes on several errands; it starts with the first."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._stack = ExitStack()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._process = None

    def run(self, errand: Errand) -> Record:
        """
        Send the driver on one errand and return its record.

        Raises:
            DriverFailed: it exited, or took longer than a minute. The next errand starts another one.
        """
        process = self._started()
        end = threading.Timer(LONGEST, kill, [process])
        end.start()
        browser = errand.browser()
        try:
            record = self._go(process, errand, browser)
        except DriverFailed:
            self.__exit__()
            raise
        finally:
            end.cancel()
            browser.close()
        if self.driver.browser_is_ours:
            record.pages = [walk.pages for walk in browser.walks]
            record.answers = [sorted(walk.answer) for walk in browser.walks]
        return record

    def _started(self) -> Process:
        if self._process is None:
            command, cwd = self.driver.command, self.driver.cwd
            self._process = self._stack.enter_context(started(command, cwd=cwd, longest=LIFE))
        return self._process

    def _go(self, process: Process, errand: Errand, browser: FormBrowser) -> Record:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(asdict(errand)) + "\n")
            process.stdin.flush()
        for said in _json_lines(process.stdout):
            if said.get("event") == "authorize":
                _play(browser, str(said["url"]))
            elif "client" in said:
                return _record(said)
        code = process.wait(LONGEST)
        raise DriverFailed(f"{self.driver.name} exited with {code}: {process.said_wrong}")


def run(driver: Driver, errand: Errand) -> Record:
    """
    Run one driver to its end and return its record.

    Raises:
        DriverFailed: it exited before its record, or took longer than a minute.
    """
    with DriverSession(driver) as session:
        return session.run(errand)


def _play(browser: FormBrowser, url: str) -> None:
    try:
        browser.walk(url)
    except BrowserStuck as stuck:
        raise DriverFailed(f"the browser got stuck: {stuck}") from stuck


def _json_lines(pipe: IO[str]) -> Iterator[dict[str, object]]:
    for line in pipe:
        if line.startswith("{"):
            yield json.loads(line)


def _record(said: dict[str, object]) -> Record:
    known = Record.__dataclass_fields__
    if "failed" in said:
        raise DriverFailed(str(said["failed"]))
    return Record(**{name: value for name, value in said.items() if name in known})  # type: ignore[arg-type]
