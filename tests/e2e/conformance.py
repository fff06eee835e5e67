"""Run the official conformance suite and read its verdicts from its result files.

Its exit code alone says too little: a warning, a skipped grant and a run without a client id all
end with 0. So every verdict comes from ``checks.json``, and what is not there was not passed.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.drivers import CLIENTS, NODE, ROOT
from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.processes import started

CLI = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
STAMP = re.compile(r"-20\d\d-\d\d-\d\dT.*$")


class ConformanceBroken(Exception):
    """The suite crashed, timed out, or could not be taken through its sign-in."""


@dataclass(frozen=True)
class Verdict:
    """One check of one scenario; ``status`` is SUCCESS, FAILURE, WARNING, SKIPPED or INFO."""

    scenario: str
    check: str
    status: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """How one run ended: its exit code, and its verdicts in order."""

    exit_code: int
    verdicts: tuple[Verdict, ...]

    def not_passed(self) -> list[Verdict]:
        """Return every verdict that is not a plain success."""
        return [one for one in self.verdicts if one.status not in ("SUCCESS", "INFO")]

    def passed(self) -> list[str]:
        """Return the ids of the checks that succeeded; one id may stand for several requests."""
        return [one.check for one in self.verdicts if one.status == "SUCCESS"]


def run_authorization_server(
    *,
    issuer: str,
    client_id: str,
    resource: str,
    port: int,
    browser: FormBrowser,
    results: Path,
    longest: float = 60,
) -> Outcome:
    """
    Run the authorization-server mode, playing the browser at the URL it prints.

    Raises:
        ConformanceBroken: no URL was printed, the browser got stuck, or it did not end in time.
    """
    arguments = ("--url", issuer, "--client-id", client_id, "--resource", resource)
    command = (str(NODE), CLI, "authorization", *arguments, "-p", str(port), "-o", str(results))
    walked = False
    with started(command, cwd=CLIENTS, longest=longest) as process:
        assert process.stdout is not None
        for line in process.stdout:
            # The bare URL has a line to itself; the metadata scenario prints none of these.
            if line.startswith("http") and "response_type=code" in line:
                try:
                    browser.walk(line.strip())
                except BrowserStuck as stuck:
                    raise ConformanceBroken(f"the browser got stuck: {stuck}") from stuck
                walked = True
        code = process.wait(longest)
    if not walked:
        raise ConformanceBroken(f"no sign-in was asked for (exit {code}): {process.said_wrong}")
    return _outcome(code, results, "authorization-server")


def run_server(
    *,
    url: str,
    scenario: str,
    spec_version: str | None,
    results: Path,
    longest: float = 60,
    force: bool = False,
) -> Outcome:
    """
    Run one scenario of the server mode against ``url``.

    ``force`` runs one that belongs to no revision, such as those of extensions.

    Raises:
        ConformanceBroken: it left no verdict, or did not end in time.
    """
    revision: tuple[str, ...] = ("--spec-version", spec_version) if spec_version else ()
    if force:
        revision += ("--force",)
    command = (str(NODE), CLI, "server", "--url", url, "--scenario", scenario, *revision)
    with started((*command, "-o", str(results)), cwd=CLIENTS, longest=longest) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        code = process.wait(longest)
    outcome = _outcome(code, results, "server")
    if not outcome.verdicts:
        raise ConformanceBroken(f"{scenario} left no verdict (exit {code}): {said[-2000:]}")
    return outcome


def run_server_set(*, url: str, revision: str, results: Path, longest: float = 100) -> Outcome:
    """
    Run all that ``revision`` requires of a server, and all that it only reports, against ``url``.

    Raises:
        ConformanceBroken: it left no verdict, or did not end in time.
    """
    command = (str(NODE), CLI, "server", "--url", url, "--requirements", revision)
    with started((*command, "-o", str(results)), cwd=CLIENTS, longest=longest) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        code = process.wait(longest)
    outcome = _outcome(code, results, "server")
    if not outcome.verdicts:
        raise ConformanceBroken(f"{revision} left no verdict (exit {code}): {said[-2000:]}")
    return outcome


def run_client(
    *, command: str, scenario: str, spec_version: str, results: Path, longest: float = 90
) -> Outcome:
    """
    Run one scenario of the client mode, alone: so the client's own end and its time count.

    Raises:
        ConformanceBroken: it left no verdict, or did not end in time.
    """
    what = ("client", "--command", command, "--scenario", scenario, "--spec-version", spec_version)
    # Extensions stand on no revision's timeline: without force they are skipped, with exit 0.
    full = (str(NODE), CLI, *what, "--force", "--timeout", "60000", "-o", str(results))
    # The suite starts the client where it runs itself, and the client is a module of ours.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with started(full, cwd=CLIENTS, longest=longest, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        code = process.wait(longest)
    outcome = _outcome(code, results, "client")
    if not outcome.verdicts:
        raise ConformanceBroken(f"{scenario} left no verdict (exit {code}): {said[-2000:]}")
    return outcome


def client_scenarios(revision: str) -> tuple[set[str], set[str]]:
    """Return the client's scenarios that ``revision`` requires, and those that it only reports."""
    command = (str(NODE), CLI, "list", "--requirements", revision)
    with started(command, cwd=CLIENTS, longest=30) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        process.wait(30)
    required, _, reported = said.partition("Client scenarios")[2].partition("Run and reported")
    return (
        set(re.findall(r"^  - (\S+)$", required, re.MULTILINE)),
        set(re.findall(r"^    - (\S+) \[client\]$", reported, re.MULTILINE)),
    )


def _outcome(code: int, results: Path, mode: str) -> Outcome:
    if code < 0:
        raise ConformanceBroken(f"the suite was ended by signal {-code}, as by its time limit")
    verdicts = [
        Verdict(_scenario(path, mode), one["id"], one["status"], one.get("errorMessage", ""))
        for path in sorted(results.rglob("checks.json"))
        for one in json.loads(path.read_text())
    ]
    return Outcome(code, tuple(verdicts))


def _scenario(path: Path, mode: str) -> str:
    return STAMP.sub("", path.parent.name).removeprefix(f"{mode}-")
