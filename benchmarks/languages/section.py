"""The section of docs/benchmarks.md about servers in other languages."""

from collections.abc import Sequence

from benchmarks.issuers.arena import Issuer
from benchmarks.issuers.rounds import Results
from benchmarks.page import requests_table
from benchmarks.rounds import Result
from benchmarks.sections import table

HEADING = "## Other languages"


def section(
    results: Sequence[Result],
    issuers: Sequence[Issuer],
    costs: Results,
    versions: Sequence[str],
    *,
    day: str,
    load: float,
) -> str:
    """Return the section, with its heading."""
    said = (
        f"Measured {day}, load average at the start {load:.1f}: `make bench-languages`."
        f" {', '.join(versions)}.\n"
        "The same calls, tokens and token requests as above; the servers take turns.\n"
        "Each is protected as its ecosystem does it: Go by the SDK's `RequireBearerToken` and golang-jwt,"
        " TypeScript by the `requireBearerAuth` of its express package and jose, and Rust, whose SDK"
        " checks no tokens, by a middleware of axum on jsonwebtoken.\n"
        "None of the three SDKs has a cache of verified tokens, so a map was added for known tokens."
        " They apply no policy to tools, and write no audit events. Garbage collectors are in their"
        " usual setting, on the same core."
    )
    rows = [["token endpoint", "durable", "CPU µs per code", "CPU µs per refresh"], ["---"] * 4]
    rows += [
        [
            one.label,
            one.durable,
            *(f"{costs[one.name, kind].quickest * 1e6:.0f}" for kind in ("code", "refresh")),
        ]
        for one in issuers
    ]
    return "\n\n".join([HEADING, said, requests_table(results), table(rows)])
