"""Processes that tests start: each has a longest life, and what it says wrong is kept."""

import errno
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

KEPT = 6000


class Process(subprocess.Popen[str]):
    """A child with text pipes. ``said_wrong`` is the end of its standard error."""

    said_wrong: str = ""


@contextmanager
def started(
    command: Sequence[str], *, cwd: Path, longest: float, env: dict[str, str] | None = None
) -> Iterator[Process]:
    """
    Start a child; it is killed after ``longest`` seconds and at the end of the block.

    With its own children: ``node`` is a program that starts the real one, which would keep the pipes
    open, and closing them here would wait for it.
    """
    process = Process(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    listener = threading.Thread(target=_listen, args=(process, process.stderr), daemon=True)
    listener.start()
    # A child that hangs would hang the reader of its output too, so a clock of its own ends it.
    end = threading.Timer(longest, kill, [process])
    end.start()
    try:
        yield process
    finally:
        end.cancel()
        kill(process)
        process.wait()
        listener.join(5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def kill(process: Process) -> None:
    """Kill a child with all its children."""
    # Also if the child itself has ended: its own children may not have.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _listen(process: Process, pipe: IO[str]) -> None:
    for line in pipe:
        process.said_wrong = (process.said_wrong + line)[-KEPT:]


def free_port() -> int:
    """Return a port that nobody listens on, on 127.0.0.1 and on [::1]."""
    while True:
        with socket.socket() as four:
            four.bind(("127.0.0.1", 0))
            port: int = four.getsockname()[1]
            if not _taken_on_ipv6(port):
                return port


def answers(port: int) -> bool:
    """Say whether somebody accepts connections on that port of 127.0.0.1."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_for(port: int, process: Process, *, within: float = 60.0) -> None:
    """Return when ``process`` listens on ``port``; fail when it ended instead, or not in time."""
    ends = time.monotonic() + within
    while not answers(port):
        assert process.poll() is None, process.said_wrong
        assert time.monotonic() < ends, process.said_wrong
        time.sleep(0.05)


def _taken_on_ipv6(port: int) -> bool:
    with socket.socket(socket.AF_INET6) as six:
        try:
            six.bind(("::1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
