"""Turns a run into docs/benchmarks.md; nothing in that page is written by hand."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks import sections, verification
from benchmarks.client_requests import Added
from benchmarks.crowd import Crowd
from benchmarks.machine import description, versions
from benchmarks.mint import ALGORITHMS
from benchmarks.parts import Parts
from benchmarks.quick_paths import QuickPath
from benchmarks.rounds import Result
from benchmarks.verification import Cost

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
# Below this share of its core, a server waited for the generator.
SERVER_BUSY = 0.9
PEERS = (("quickstart", "quickstart"), ("FastMCP", "fastmcp"))
HOW_VERIFIED = (
    "Thread CPU time per verification, the quickest of interleaved rounds; in brackets the ratio to the"
    " signature check alone.\nAll verify signature, issuer, audience and expiry; doorward also the"
    " type, the other claims of RFC 9068, and that the token can be read in one way only."
)


def build(
    costs: Sequence[Cost],
    results: Sequence[Result],
    parts: Parts,
    quick: Sequence[QuickPath],
    crowds: Sequence[Crowd],
    client: Sequence[Added],
    *,
    day: str,
    load: float,
    method: str,
) -> str:
    """Return the page as Markdown; ``load`` is what else the machine did when the run began."""
    text = [
        "# Benchmarks",
        "Written by `make bench`; not by hand.\nRatios are what carries over to another machine.",
        f"Measured {day}. {description()}; load average at the start {load:.1f}.\n{versions()}.",
        "## A protected `tools/call`",
        method,
        requests_table(results),
        sections.remarks(results),
        *_remarks(results),
        "## Where the time goes",
        sections.where_the_time_goes(parts, results, costs),
        "## What the quick paths save",
        sections.what_quick_paths_save(quick),
        "## What grows and what does not",
        sections.what_grows(parts),
        "## A thousand connections",
        sections.crowds(crowds),
        "## Verifying a token",
        HOW_VERIFIED,
        verification_table(costs),
        "## What the client adds",
        sections.what_the_client_adds(client),
    ]
    return "\n\n".join(text) + "\n"


def replace_section(page: str, written: str) -> str:
    """Return the page with ``written`` in place of the section of its heading, or at the end."""
    found = find_section(page, written.partition("\n")[0])
    if not found:
        return f"{page.rstrip()}\n\n{written}\n"
    return page.replace(found, f"{written}\n\n").rstrip() + "\n"


def find_section(page: str, heading: str) -> str:
    """Return the section with this heading, up to the next; empty if there is none."""
    found = re.search(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def requests_table(results: Sequence[Result]) -> str:
    """Return the table of servers, with ratios of CPU per request to the floor and to the peers."""
    by_name = {result.contender.name: result for result in results}
    floor = by_name["floor"]
    peers = [(word, by_name[name]) for word, name in PEERS if name in by_name]
    heads = [f"throughput, {word} = 1" for word, _ in peers]
    columns = [
        "server",
        "CPU, floor = 1",
        *heads,
        "CPU µs per request",
        "requests per second (min–max)",
        "p50 / p99 ms",
        "MB",
        "start s",
    ]
    rows = [columns, ["---"] * len(columns)]
    for one in results:
        limited = "≥ " if one.share < SERVER_BUSY else ""
        rate = f"{one.per_second:,.0f} ({one.slowest:,.0f}–{one.fastest:,.0f})"
        rows.append(
            [
                one.contender.label,
                f"{one.cpu / floor.cpu:.2f}",
                # Of CPU time, because it does not depend on how busy the generator was: on one
                # core, throughput is its inverse.
                *(f"{peer.cpu / one.cpu:.2f}" for _, peer in peers),
                f"{one.cpu * 1e6:.0f}",
                f"{limited}{rate}",
                f"{one.p50 * 1e3:.1f} / {one.p99 * 1e3:.1f}",
                f"{one.memory / 1e6:.0f}",
                f"{one.started:.1f}",
            ]
        )
    return sections.table(rows)


def _remarks(results: Sequence[Result]) -> list[str]:
    fast = [one.contender.label for one in results if one.share < SERVER_BUSY]
    if not fast:
        return ["The load generator was never the limit."]
    said = (
        f"≥: here the load generator was at its own limit, so the server can do more than the"
        f" figure: {'; '.join(fast)}.\nCPU per request and the ratios are not touched by that."
    )
    return [said]


def verification_table(costs: Sequence[Cost]) -> str:
    """Return the table of verifications, one column per algorithm."""
    seconds = {(cost.row, cost.algorithm): cost.seconds for cost in costs}
    rows = [["µs (× the check alone)", *ALGORITHMS], ["---"] * (len(ALGORITHMS) + 1)]
    for row in verification.ROWS:
        cells = [
            f"{seconds[row, one] * 1e6:.1f} ({seconds[row, one] / seconds[verification.RAW, one]:.2f})"
            for one in ALGORITHMS
        ]
        rows.append([row, *cells])
    return sections.table(rows)
