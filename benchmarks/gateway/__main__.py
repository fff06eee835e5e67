"""``python -m benchmarks.gateway``: measure the gateway, and write its section of the page."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.arena import Generator
from benchmarks.gateway.proxies import Proxy, proxies
from benchmarks.gateway.stdio_calls import seconds_added
from benchmarks.gateway.streams import memory_with_streams
from benchmarks.load import Job
from benchmarks.page import PAGE, replace_section
from benchmarks.sections import table

HEADING = "## The gateway"
_LABELS = {
    "backend": "the server alone",
    "nginx": "nginx",
    "starlette": "Starlette and httpx2, uvicorn with uvloop",
    "doorward": "**doorward serve**, known API key",
}


class Figures(NamedTuple):
    """Of one proxy: CPU seconds per call, and the median of each percentile."""

    cpu: float
    p50: float
    p99: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run that writes no page")
    given = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    turns, seconds, streams = (2, 0.3, 20) if given.quick else (15, 1.0, 1000)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), turns, seconds)
        memory = memory_with_streams(Path(folder), streams)
        stdio = seconds_added(Path(folder), turns, 20 if given.quick else 200)
    written = section(found, memory, streams, stdio, load)
    print(written)
    if not given.quick:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_section(page, written), encoding="utf-8")
    return 0


def measure(folder: Path, turns: int, seconds: float) -> dict[str, Figures]:
    """Return the figures of each proxy, which take turns."""
    taken: dict[str, list[Figures]] = {}
    with proxies(folder) as (running, call):
        generator = Generator({"known": [call]})
        try:
            for _ in range(turns):
                for one in running:
                    taken.setdefault(one.name, []).append(_turn(generator, one, seconds))
        finally:
            generator.close()
    return {
        name: Figures(
            min(one.cpu for one in some),
            median(one.p50 for one in some),
            median(one.p99 for one in some),
        )
        for name, some in taken.items()
    }


def _turn(generator: Generator, proxy: Proxy, seconds: float) -> Figures:
    before = proxy.cpu
    tally = generator.play(Job("known", proxy.port, seconds, 32))
    if tally.wrong:
        raise RuntimeError(f"{proxy.name}: {tally.wrong} answers were wrong")
    return Figures((proxy.cpu - before) / tally.answered, *tally.latencies)


def section(found: dict[str, Figures], memory: int, streams: int, stdio: float, load: float) -> str:
    """Return the section of the page."""
    alone = found["backend"]
    rows = [["", "CPU µs added", "p50 ms added", "p99 ms added"], ["---"] * 4]
    for name in ("nginx", "starlette", "doorward"):
        one = found[name]
        added = (one.cpu * 1e6, (one.p50 - alone.p50) * 1e3, (one.p99 - alone.p99) * 1e3)
        rows.append([_LABELS[name], f"{added[0]:.0f}", f"{added[1]:.1f}", f"{added[2]:.1f}"])
    ratio = found["starlette"].cpu / found["doorward"].cpu
    reached = [
        ["figure of `doorward serve`", "measured", "reach"],
        ["---"] * 3,
        ["CPU µs added", f"{found['doorward'].cpu * 1e6:.0f}", "150"],
        ["CPU of Starlette's proxy, times doorward's", f"{ratio:.1f}", "at least 4"],
        ["p99 ms added at 32 connections", rows[-1][-1], "3"],
        [f"MB with {streams:,} open streams", f"{memory / 1e6:.0f}", "150"],
        ["ms added to a call of a stdio server that runs", f"{stdio * 1e3:.2f}", "1"],
    ]
    day = datetime.now(UTC).date().isoformat()
    said = (
        f"Measured {day}, load average at the start {load:.1f}: `make bench-gateway`.\n"
        "A `tools/call` on 32 keep-alive connections, to a server that answers at once."
        " The proxies run on one core and take turns; CPU is that of the quickest turn.\n"
        "No connection ever rests, so a proxy's p99 is the CPU time of 32 calls at least.\n"
        "doorward checks the key and the policy, names the caller, and writes an audit event."
        " The others only forward."
    )
    return "\n\n".join([HEADING, said, table(rows), table(reached)])


if __name__ == "__main__":
    sys.exit(main())
