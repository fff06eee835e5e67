"""``python -m benchmarks``: measure, print the ratios, and write docs/benchmarks.md."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from benchmarks import page, rounds, verification
from benchmarks.arena import key_server
from benchmarks.machine import cores, pin
from benchmarks.mint import Mint
from benchmarks.servers import BY_NAME, CONTENDERS


class Extent(NamedTuple):
    """How long a run takes: rounds and seconds of each turn, and of each timing."""

    rounds: int
    seconds: float
    distinct: int
    verify_rounds: int
    verify_seconds: float


# More distinct tokens than doorward remembers, so that each is new to it whenever it comes.
FULL = Extent(9, 0.8, 10_500, 40, 0.01)
QUICK = Extent(1, 0.3, 100, 1, 0.002)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run that writes no page")
    parser.add_argument("--only", nargs="+", choices=sorted(BY_NAME), help="these servers alone")
    given = parser.parse_args(arguments)
    extent = QUICK if given.quick else FULL
    chosen = [one for one in CONTENDERS if not given.only or one.name in {"floor", *given.only}]
    load = os.getloadavg()[0]
    mint = Mint()
    with key_server(mint.key_set()) as keys_url:
        _say("verifying tokens")
        pin(cores()[0])
        costs = verification.measure(
            mint, keys_url, rounds=extent.verify_rounds, slice_seconds=extent.verify_seconds
        )
        pin(cores()[1])
        _say(f"{len(chosen)} servers, {extent.rounds} rounds of {extent.seconds} s each")
        results = rounds.measure(
            chosen,
            mint,
            keys_url,
            rounds=extent.rounds,
            seconds=extent.seconds,
            distinct=extent.distinct,
            say=_say,
        )
    print(page.verification_table(costs), page.requests_table(results), sep="\n\n")
    if not given.quick and not given.only:
        day = datetime.now(UTC).date().isoformat()
        text = page.build(costs, results, day=day, load=load, method=_method(extent))
        page.PAGE.write_text(text, encoding="utf-8")
        _say(f"wrote {page.PAGE}")
    return 0


def _method(extent: Extent) -> str:
    return (
        "`add` over MCP 2026-07-28 with an RS256 access token, 32 keep-alive connections, one"
        " worker of uvicorn (uvloop, httptools) on one core, the load on another.\n"
        f"All servers run at once and take turns: medians of {extent.rounds} rounds of"
        f" {extent.seconds} s.\n"
        "Before and after, each must give the right sum under the right id and refuse six kinds of"
        " bad token; under load each answer's sum is checked.\n"
        "Ratios of throughput are those of CPU time per request: on one core they are the same, and"
        " the load generator's own limit is not in them.\n"
        "doorward has its policy, header checks, argument validation and audit events on; the"
        " events are lines of JSON in a file.\n"
        "The load generator never sleeps, so that no server pays for waking it.\n"
        "uvloop is the quickest for all of them at 32 connections, so they are measured on it."
        " doorward's own `demo` runs on asyncio with httptools: with a thousand busy connections"
        " uvloop leaves some of them waiting for seconds."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
