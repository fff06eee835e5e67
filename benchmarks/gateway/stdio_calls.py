"""What ``doorward serve`` adds to a call of a stdio server whose process runs already."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.calls import call_add
from benchmarks.gateway.proxies import doorward, free_port

_COMMAND = [sys.executable, str(Path(__file__).with_name("stdio_server.py"))]


def seconds_added(folder: Path, rounds: int, calls: int) -> float:
    """Return how much longer the median call takes through the gateway; both take turns."""
    port = free_port()
    direct: list[float] = []
    through: list[float] = []
    with (
        doorward(folder, f"command = {json.dumps(_COMMAND)}", port) as (_, key),
        subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        socket.create_connection(("127.0.0.1", port), 60) as line,
    ):
        to, back = process.stdin, process.stdout
        assert to is not None
        assert back is not None
        request = call_add(0, key, host=f"localhost:{port}")
        message = request.request.partition(b"\r\n\r\n")[2] + b"\n"

        def directly() -> bytes:
            to.write(message)
            to.flush()
            return back.readline()

        def by_gateway() -> bytes:
            line.sendall(request.request)
            return line.recv(65536)

        for _ in range(rounds):
            direct += _timed(directly, request.expected, calls)
            through += _timed(by_gateway, request.expected, calls)
        to.close()
    return median(through) - median(direct)


def _timed(ask: Callable[[], bytes], expected: bytes, calls: int) -> list[float]:
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - began)
        if expected not in answer:
            raise RuntimeError(f"a wrong answer: {answer[:500]!r}")
    return taken
