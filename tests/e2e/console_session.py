"""A console session in a Markdown page: read it, run it, and say where it no longer holds.

In a block fenced as ``console`` a line that begins with ``$ `` is a command; the lines up to the
next command are what it says. ``…`` stands for any text within a line, and for any lines where it
is a line of its own. A command that ends in `` &`` goes on in the background; the session waits
until it has said what is written under it, and until ``ready`` says so too. ``kill %1 && wait``
ends the first of them, as it does in a shell; ``wait %1`` waits for no other one.
"""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"
LONGEST = 120.0
END_JOB = re.compile(r"kill %([0-9]+) && wait(?: %\1)?")
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Step:
    """One command and what it should say."""

    command: str
    says: list[str] = field(default_factory=list)

    @property
    def in_background(self) -> bool:
        """Say whether the command goes on while the next ones run."""
        return self.command.endswith(" &")


def read_sessions(markdown: str) -> list[list[Step]]:
    """Return the console sessions of a page, each a list of steps."""
    return [_steps(block.splitlines()) for block in FENCE.findall(markdown)]


def _steps(lines: Iterable[str]) -> list[Step]:
    steps: list[Step] = []
    for line in lines:
        if line.startswith("$ "):
            steps.append(Step(line[2:].rstrip()))
        elif steps and steps[-1].command.endswith("\\"):
            steps[-1].command = steps[-1].command[:-1] + line.strip().removeprefix("> ")
        elif steps:
            steps[-1].says.append(line.rstrip())
    for step in steps:
        while step.says and not step.says[-1]:
            step.says.pop()
    return steps


def holds(expected: Iterable[str], said: Iterable[str]) -> bool:
    """Say whether what was said is what was expected, with ``…`` for anything."""
    pattern = ""
    for line in expected:
        if line.strip() == ANYTHING:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split(ANYTHING)) + r" *\n"
    text = "".join(f"{line.rstrip()}\n" for line in said)
    return re.fullmatch(pattern, text) is not None


class Session:
    """Runs steps one after another in one folder; what still runs at the end is stopped."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._folder = folder
        self._ready = ready
        self._environment = {**os.environ, **environment}
        self._background: list[_Background] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in reversed(self._background):
            one.stop()

    def run(self, step: Step) -> list[str]:
        """Run one step and return the lines it said, without colours."""
        if step.in_background:
            return self._start(step)
        if job := END_JOB.fullmatch(step.command):
            self._background.pop(int(job[1]) - 1).stop()
            return []
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return _plain(done.stdout.splitlines())

    def _start(self, step: Step) -> list[str]:
        process = subprocess.Popen(
            # With env, variables may be written before the command, as in a shell.
            ["bash", "-c", f"exec env {step.command.removesuffix(' &')}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running = _Background(process)
        self._background.append(running)
        deadline = time.monotonic() + LONGEST
        while process.poll() is None:
            if holds(step.says, running.said) and self._ready():
                break
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return list(running.said)


class _Background:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.said: list[str] = []
        self._process = process
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.said.extend(_plain([line]))


def _plain(lines: Iterable[str]) -> list[str]:
    return [COLOURS.sub("", line).rstrip() for line in lines]
