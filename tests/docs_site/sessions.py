"""The console sessions of a page, run as a reader would: one after the other, in one folder.

The reader has the ports that a page names for themselves. Here each port is another one, and
``uv run`` is a few lines of shell: what it would install is installed.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docs.making.pages import ROOT

from tests.e2e.console_session import Session, Step, holds, read_sessions
from tests.e2e.home import environment_of
from tests.e2e.processes import free_port

VARIABLE = re.compile(r"^([A-Z_]+)=(.*)$")
# What a reader's `uv run` does, with the port and the address of this session put in.
UV = """#!/bin/bash
shift
case "$1 $2" in
  step11*) shift; exec step11 --server http://localhost:{port}/mcp "$@" ;;
  step*) step=$1; shift; exec $step --port {port} "$@" ;;
  "python generate_token.py")
    shift 2
    exec python generate_token.py \\
      --issuer http://localhost:{port} --audience http://localhost:{port}/mcp "$@" ;;
  *) exec "$@" ;;
esac
"""


@dataclass(frozen=True)
class Reader:
    """Somebody who works through a page: where they stand, and what is called otherwise here."""

    folder: Path
    environment: dict[str, str]
    otherwise: Mapping[str, str] = field(default_factory=dict)

    def read(self, text: str) -> str:
        """Return the text with the names of this session."""
        for written, real in self.otherwise.items():
            text = text.replace(written, real)
        return text


def reader_of_the_tutorial(
    folder: Path,
    user: tuple[str, str] = ("alice", "alice-demo"),
    otherwise: Mapping[str, str] | None = None,
) -> Reader:
    """Return somebody in a copy of ``http-transport-steps``, who has no keys yet."""
    port = free_port()
    here, binaries = folder / "http-transport-steps", folder / "bin"
    here.mkdir()
    binaries.mkdir()
    (binaries / "uv").write_text(UV.format(port=port), "utf-8")
    (binaries / "uv").chmod(0o755)
    home = environment_of(folder, *user)
    home["PATH"] = f"{binaries}:{home['PATH']}"
    names = {"localhost:9000": f"localhost:{port}", **(otherwise or {})}
    reader = Reader(here, home, names)
    for file in (ROOT / "http-transport-steps").glob("*.*"):
        if file.suffix in {".py", ".sh"}:
            shutil.copy(file, here)
        elif file.suffix == ".env":
            (here / file.name).write_text(reader.read(file.read_text("utf-8")), "utf-8")
    return reader


def reader_of_the_repository(folder: Path, otherwise: Mapping[str, str] | None = None) -> Reader:
    """Return somebody at the root of a copy of the repository, with the environment activated."""
    shutil.copytree(
        ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "home").mkdir()
    home = environment_of(folder / "home", "nobody", "")
    return Reader(folder, {**home, "PYTHONPATH": str(folder)}, otherwise or {})


def differences(
    page: Path, reader: Reader, before: Sequence[Step] = (), sessions: slice = slice(None)
) -> list[str]:
    """
    Run the ``sessions`` of the page, and return where it said something else than is written.

    ``before`` is what the reader left running when they came to this page.
    """
    variables: dict[str, str] = {}
    wrong = []
    chosen = read_sessions(page.read_text("utf-8"))[sessions]
    steps = [step for session in chosen for step in session]
    assert steps, f"{page} has no session"
    with Session(reader.folder, reader.environment) as console:
        for written in [*before, *steps]:
            step = Step(reader.read(written.command), [reader.read(one) for one in written.says])
            said = run(console, step, variables)
            if not holds(step.says, said):
                wrong += [f"$ {step.command}", "--- the page says", *step.says]
                wrong += ["--- it said", *said]
    return wrong


def run(console: Session, step: Step, variables: dict[str, str]) -> list[str]:
    """Run one step; ``NAME=value`` is kept for those that follow, as a shell keeps it."""
    known = "".join(f"{name}='{value}'; " for name, value in variables.items())
    if assigned := VARIABLE.match(step.command):
        said = console.run(Step(f'{known}{step.command}; printf %s "${assigned[1]}"'))
        variables[assigned[1]] = "\n".join(said)
        return []
    if step.in_background:
        return console.run(step)
    return console.run(Step(known + step.command, step.says))
