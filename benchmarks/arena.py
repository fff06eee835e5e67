"""Starts the servers, gives each its turn, and measures what a turn cost it."""

import contextlib
import http.server
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import IO, Any, NamedTuple

import psutil

from benchmarks.calls import Call, call_add
from benchmarks.load import Job, Tally, serve_jobs
from benchmarks.machine import cores, cpu_seconds
from benchmarks.servers import Contender

START_LIMIT = 30.0
SHOWN = 4000


class Running(NamedTuple):
    """A contender that answers on ``port``; ``started`` is seconds to its first answer."""

    contender: Contender
    port: int
    process: psutil.Process
    started: float

    @property
    def cpu(self) -> float:
        """Return the user and system seconds it has used so far."""
        return cpu_seconds(self.process)


class Turn(NamedTuple):
    """One contender's turn: the generator's tally and the server's CPU seconds."""

    tally: Tally
    cpu: float

    @property
    def per_second(self) -> float:
        """Return answers per second."""
        return self.tally.answered / self.tally.seconds

    @property
    def cpu_per_answer(self) -> float:
        """Return server CPU seconds per answer."""
        return self.cpu / max(self.tally.answered, 1)


@contextlib.contextmanager
def key_server(key_set: dict[str, Any]) -> Iterator[str]:
    """Serve ``key_set`` on loopback and yield its address."""
    body = json.dumps(key_set).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def servers(
    contenders: Sequence[Contender], keys_url: str, *, loop: str = "uvloop"
) -> Iterator[tuple[Running, ...]]:
    """Start every contender on ``loop``, yield them when all answer, and stop them afterwards."""
    with contextlib.ExitStack() as stack:
        yield tuple(stack.enter_context(_server(one, keys_url, loop)) for one in contenders)


@contextlib.contextmanager
def _server(contender: Contender, keys_url: str, loop: str) -> Iterator[Running]:
    # Once before, so that its bytecode is there, as it is wherever a server is started again.
    with _started(contender, keys_url, loop):
        pass
    with _started(contender, keys_url, loop) as running:
        yield running


@contextlib.contextmanager
def _started(contender: Contender, keys_url: str, loop: str) -> Iterator[Running]:
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        # A file and not /dev/null: whoever writes something for each request pays for it.
        log = stack.enter_context(tempfile.TemporaryFile())
        began = time.perf_counter()
        process, port = _launch(contender, loop, keys_url, stdout=log, stderr=said)
        stack.callback(_stop, process)
        try:
            _await_answer(process, port, contender.name)
            started = time.perf_counter() - began
            yield Running(contender, port, psutil.Process(process.pid), started)
        except BaseException:
            said.seek(0)
            sys.stderr.buffer.write(said.read()[-SHOWN:])
            raise


def _launch(
    contender: Contender, loop: str, keys_url: str, *, stdout: IO[bytes], stderr: IO[bytes]
) -> tuple["subprocess.Popen[bytes]", int]:
    # The port is bound here and handed over, so that nobody else can take it in between. It
    # listens only once the server does, so a refused connection still means "not yet".
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.set_inheritable(True)
        if contender.command:
            # Servers in other languages take a socket that listens; connections wait in its queue.
            listening.listen(512)
        process = subprocess.Popen(
            _command(contender, loop, listening.fileno(), keys_url),
            pass_fds=[listening.fileno()],
            stdout=stdout,
            stderr=stderr,
            env=bytecode_elsewhere(),
        )
        return process, listening.getsockname()[1]


def _command(contender: Contender, loop: str, descriptor: int, keys_url: str) -> list[str]:
    core = "" if cores()[0] is None else str(cores()[0])
    if not contender.command:
        ours = [sys.executable, "-m", "benchmarks.serve", contender.name, loop]
        return [*ours, str(descriptor), keys_url, core]
    pinned = ["taskset", "--cpu-list", core] if core else []
    return [*pinned, *contender.command, str(descriptor), keys_url, *contender.options]


def bytecode_elsewhere() -> dict[str, str]:
    """Return an environment in which only the first start of a program compiles it."""
    # Beside the sources nothing is left, and nothing that is there already is taken.
    told = {**os.environ, "PYTHONPYCACHEPREFIX": _bytecode().name}
    told.pop("PYTHONDONTWRITEBYTECODE", None)
    return told


@cache
def _bytecode() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_answer(process: "subprocess.Popen[bytes]", port: int, name: str) -> None:
    question = call_add(0, None).request
    ends = time.monotonic() + START_LIMIT
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode} before it answered")
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 10) as line,
        ):
            line.sendall(question)
            if line.recv(12).startswith(b"HTTP/1.1"):
                return
        time.sleep(0.01)
    raise RuntimeError(f"{name} did not answer within {START_LIMIT} s")


class Generator:
    """The load generator's process, and turns played through it."""

    def __init__(self, calls: dict[str, list[Call]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=serve_jobs, args=(theirs, calls, cores()[1]), daemon=True
        )
        self._process.start()

    def turn(self, running: Running, seconds: float, connections: int = 32) -> Turn:
        """Let ``running`` answer for ``seconds`` and return what that took."""
        before = running.cpu
        tally = self.play(Job(running.contender.calls, running.port, seconds, connections))
        return Turn(tally, running.cpu - before)

    def play(self, job: Job) -> Tally:
        """Return what came of one round."""
        self._pipe.send(job)
        if not self._pipe.poll(job.seconds + 60):
            raise RuntimeError(f"the round at port {job.port} did not end")
        tally: Tally = self._pipe.recv()
        return tally

    def close(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join(10)
