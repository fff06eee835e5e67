"""The console sessions of a page, run as a reader would: one after the other, in one folder.

The reader stands in ``http-transport-steps`` and has its ports for themselves. Here each port is
another one, and ``uv run`` is a few lines of shell: what it would install is installed.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.console_session import Session, Step, holds, read_sessions
from tests.e2e.home import environment_of
from tests.e2e.processes import answers, free_port

STEPS = ROOT / "http-transport-steps"
VARIABLE = re.compile(r"^([A-Z_]+)=(.*)$")
# What a reader's `uv run` does, with the port and the address of this session put in.
UV = """#!/bin/bash
shift
export PATH={venv}:$PATH
case "$1 $2" in
  step*) step=$1; shift; exec {venv}/$step --port {port} "$@" ;;
  "python generate_token.py")
    shift 2
    exec {venv}/python generate_token.py \\
      --issuer http://localhost:{port} --audience http://localhost:{port}/mcp "$@" ;;
  *) exec "$@" ;;
esac
"""


@dataclass(frozen=True)
class Reader:
    """Somebody who works through a page: the folder they stand in, and which port is which."""

    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[str, str]

    def elsewhere(self, text: str) -> str:
        """Return the text with the ports of this session."""
        for written, real in self.ports.items():
            text = text.replace(f"localhost:{written}", f"localhost:{real}")
        return text


@contextmanager
def reader_of_the_tutorial(
    folder: Path, ports: Mapping[str, str] | None = None
) -> Iterator[Reader]:
    """Give somebody in a copy of ``http-transport-steps``, who has no keys yet."""
    port = free_port()
    here = folder / "http-transport-steps"
    here.mkdir()
    for file in STEPS.glob("*.*"):
        if file.suffix in {".py", ".sh", ".env"}:
            shutil.copy(file, here)
    binaries = folder / "bin"
    binaries.mkdir()
    venv = Path(environment_of(folder, "", "")["PATH"].partition(":")[0])
    (binaries / "uv").write_text(UV.format(venv=venv, port=port), "utf-8")
    (binaries / "uv").chmod(0o755)
    home = environment_of(folder, "alice", "alice-demo")
    home["PATH"] = f"{binaries}:{home['PATH']}"
    yield Reader(here, home, {"9000": str(port), **(ports or {})})


def differences(page: Path, reader: Reader) -> list[str]:
    """Run every session of the page, and return where it said something else than is written."""
    variables: dict[str, str] = {}
    wrong = []
    ready = partial(answers, int(reader.ports["9000"]))
    with Session(reader.folder, reader.environment, ready) as console:
        for written in [
            step for session in read_sessions(page.read_text("utf-8")) for step in session
        ]:
            step = Step(
                reader.elsewhere(written.command), [reader.elsewhere(line) for line in written.says]
            )
            said = run(console, step, variables)
            if not holds(step.says, said):
                wrong += [
                    f"$ {step.command}",
                    "--- the page says",
                    *step.says,
                    "--- it said",
                    *said,
                ]
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
