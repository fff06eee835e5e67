"""Run a driver as a process of its own and return the record it prints."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.journey import Errand, Record
from tests.e2e.processes import started

ROOT = Path(__file__).parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"
NODE = Path(sys.executable).parent / "node"
LONGEST = 60.0


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


def run(driver: Driver, errand: Errand) -> Record:
    """
    Run one driver to its end and return its record.

    Raises:
        DriverFailed: it exited with something other than 0, or took longer than a minute.
    """
    browser = FormBrowser(errand.username, errand.password)
    with (
        closing(browser),
        started(driver.command, cwd=driver.cwd, longest=LONGEST) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(errand)))
        process.stdin.close()
        record: Record | None = None
        for said in _json_lines(process.stdout):
            if said.get("event") == "authorize":
                _play(browser, str(said["url"]))
            elif "client" in said:
                record = _record(said)
        code = process.wait(LONGEST)
    if driver.browser_is_ours and record is not None:
        record.pages = [walk.pages for walk in browser.walks]
        record.answers = [sorted(walk.answer) for walk in browser.walks]
    if record is None or code != 0:
        raise DriverFailed(f"{driver.name} exited with {code}: {process.said_wrong}")
    return record


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
