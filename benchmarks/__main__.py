"""``python -m benchmarks``: measure, print the ratios, and write docs/benchmarks.md."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from benchmarks import (
    client_requests,
    crowd,
    page,
    parts,
    quick_paths,
    rounds,
    sections,
    verification,
)
from benchmarks.arena import key_server
from benchmarks.gateway.__main__ import HEADING as GATEWAY
from benchmarks.issuers import __main__ as issuers
from benchmarks.languages.section import HEADING as LANGUAGES
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
    part_rounds: int
    tokens: int
    crowd_rounds: int
    crowd_seconds: float
    client_rounds: int
    client_requests: int


# More than twice as many distinct tokens as doorward remembers, so that each is new to it whenever
# it comes: what it has met once, it knows again after as many others.
FULL = Extent(20, 0.5, 22_000, 40, 0.01, 150, 10_000, 5, 4.0, 20, 200)
QUICK = Extent(1, 0.3, 100, 1, 0.002, 1, 100, 1, 0.3, 1, 5)


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
        pin(cores()[0])
        _say("verifying tokens")
        costs = verification.measure(
            mint, keys_url, rounds=extent.verify_rounds, slice_seconds=extent.verify_seconds
        )
        _say("taking a call apart")
        found = parts.measure(mint, keys_url, rounds=extent.part_rounds, tokens=extent.tokens)
        _say("taking quick paths and their references in turns")
        quick = quick_paths.measure(mint, rounds=extent.part_rounds)
        _say("asking as a client")
        client = client_requests.measure(rounds=extent.client_rounds, count=extent.client_requests)
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
        print("", sections.what_quick_paths_save(quick), sep="\n")
        print("", sections.what_grows(found), sep="\n")
        print("", sections.what_the_client_adds(client), sep="\n")
        if given.only:
            return 0
        crowds = crowd.measure(
            mint, keys_url, seconds=extent.crowd_seconds, rounds=extent.crowd_rounds, say=_say
        )
    day = datetime.now(UTC).date().isoformat()
    text = page.build(
        costs, results, found, quick, crowds, client, day=day, load=load, method=_method(extent)
    )
    text = page.replace_section(text, issuers.measure(quick=given.quick, load=load))
    # Sections with a date and a command of their own.
    before = page.PAGE.read_text(encoding="utf-8")
    for heading in (LANGUAGES, GATEWAY):
        if kept := page.find_section(before, heading):
            text = page.replace_section(text, kept.rstrip())
    if given.quick:
        print("", text, sep="\n")
    else:
        page.PAGE.write_text(text, encoding="utf-8")
        _say(f"wrote {page.PAGE}")
    return 0


def _method(extent: Extent) -> str:
    return (
        "Each server answers `add` over MCP 2026-07-28. The client sends an RS256 access token on 32"
        " keep-alive connections.\n"
        "Each server is one worker of uvicorn on one core, with uvloop, httptools and no access log."
        " The load generator runs on the other core.\n"
        "The floor and the peers use uvicorn's default connection class. doorward uses its own,"
        " `doorward.serving.Connection`: it limits requests, sends head and body in one piece, and"
        " neither adds `Server` nor reads `X-Forwarded-For`. Objects from start-up are kept from the"
        " garbage collector. Rows 2 and 5 show how much this setting contributes. Outside of this"
        " benchmark, doorward's servers use asyncio's event loop.\n"
        f"All servers run at once and take turns, {extent.rounds} rounds of {extent.seconds} s. CPU is"
        " that of a server's quickest round, because other load on the host slows all of them for"
        " seconds at a time. The other figures are medians.\n"
        "Before and after, each server must answer correctly and refuse six kinds of bad token. Under"
        " load, the sum in each answer is checked.\n"
        "Ratios of throughput are ratios of CPU time per request. On one core they are the same, and"
        " the limit of the load generator is not in them.\n"
        "doorward's policy, header checks, argument validation and audit events are on. The events"
        " are written to a file as lines of JSON.\n"
        "The load generator never sleeps, so no server pays for waking it.\n"
        "`start` is the time from the start of the process to its first answer. Each process was"
        " started once before."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
