"""The way of a reader: save the programs of a page in an empty folder, and type its sessions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.e2e.console_session import ANYTHING, Session, Step, holds
from tests.e2e.home import environment_of
from tests.e2e.processes import free_port

_CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAVE = re.compile(r"^Save it as ``(\w+\.py)`` and run ``(.+)``\.$", re.MULTILINE)
# With the variables that are set for it.
_STARTS_SERVER = re.compile(r"((?:[A-Z]+=\S+ )*)uvicorn .+ &")
# The ports on the pages: the demo's, and the reader's server's.
_PORTS = ("9000", "8000")


@dataclass(frozen=True)
class Program:
    """A program on a page: the file to save it in, and the command that runs it."""

    file: str
    command: str
    text: str


def read_programs(markdown: str) -> list[Program]:
    """Return the programs of a page that say under which name to save them."""
    blocks = ((code, _SAVE.search(code)) for code in _CODE.findall(markdown))
    return [Program(told[1], told[2], code) for code, told in blocks if told is not None]


def run_instead(steps: Iterable[Step], program: Program) -> list[Step]:
    """Return the steps with ``program`` as the server that they start and call."""
    instead = []
    for step in steps:
        if start := _STARTS_SERVER.fullmatch(step.command):
            step = replace(step, command=f"{start[1]}{program.command} &")
        elif step.command.startswith("doorward call "):
            # Some libraries answer a list as JSON, others each item as a text.
            words = [line.strip('[]"') for line in step.says]
            step = replace(step, says=[f"{ANYTHING}{line}{ANYTHING}" for line in words])
        instead.append(step)
    return instead


class Walk:
    """
    A reader in an empty folder, with the commands in ``binaries`` and a browser.

    The ports of the pages are others here, so that a demo of yours can go on running. ``otherwise``
    has further texts of the pages and what they are here, such as another provider's address.
    ``commands`` are those that the reader has besides ours, each with the line of a shell behind it.
    """

    def __init__(
        self,
        folder: Path,
        binaries: Path,
        user: tuple[str, str] = ("alice", "alice-demo"),
        otherwise: dict[str, str] | None = None,
        commands: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder / "empty"
        self.folder.mkdir()
        self._environment = environment_of(folder, *user, binaries)
        for name, line in (commands or {}).items():
            self._add_command(folder / "commands", name, line)
        self._otherwise = {**(otherwise or {}), **{port: str(free_port()) for port in _PORTS}}

    def save(self, program: Program) -> None:
        """Save a program, as its page says."""
        (self.folder / program.file).write_text(self.read(program.text), "utf-8")

    def read(self, text: str) -> str:
        """Return a text of a page with the addresses of this walk."""
        for written, real in self._otherwise.items():
            text = re.sub(rf"(?<!\w){re.escape(written)}(?!\w)", real, text)
        return text

    def differences(self, steps: Iterable[Step]) -> list[str]:
        """Type the steps, and return where something else was said than is written."""
        with Session(self.folder, self._environment) as console:
            for written in steps:
                step = Step(self._typed(written.command), [self.read(one) for one in written.says])
                said = console.run(step)
                if not holds(step.says, said):
                    return [
                        f"$ {step.command}",
                        "--- the page says",
                        *step.says,
                        "--- it said",
                        *said,
                    ]
        return []

    def _add_command(self, commands: Path, name: str, line: str) -> None:
        commands.mkdir(exist_ok=True)
        (commands / name).write_text(f"#!/bin/bash\n{line}\n", "utf-8")
        (commands / name).chmod(0o755)
        path = self._environment["PATH"]
        if not path.startswith(f"{commands}:"):
            self._environment["PATH"] = f"{commands}:{path}"

    def _typed(self, command: str) -> str:
        # What is written nowhere on the pages: the ports that are defaults, and what a reader types
        # where the command asks for a password.
        demo, own = self._otherwise["9000"], self._otherwise["8000"]
        at = f"--public-url http://localhost:{own} --listen 127.0.0.1:{own}"
        typed = self.read(command).replace("doorward demo", f"doorward demo --port {demo}", 1)
        typed = typed.replace("doorward protect", f"doorward protect {at}", 1)
        if typed.startswith("doorward users add"):
            typed += ' <<< "$FORM_BROWSER_PASSWORD"'
        return typed
