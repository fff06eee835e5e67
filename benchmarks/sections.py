"""The sections of the page beside its table of servers: parts, what grows, and crowds."""

from collections.abc import Sequence

from benchmarks import client_requests, verification
from benchmarks.client_requests import Added
from benchmarks.crowd import CROWDS, LOOPS, Crowd
from benchmarks.load import PATIENCE
from benchmarks.parts import Costs, Parts
from benchmarks.quick_paths import QuickPath
from benchmarks.rounds import Result
from benchmarks.servers import BY_NAME
from benchmarks.verification import Cost


def remarks(results: Sequence[Result]) -> str:
    """Return what the table of servers says in so many words: ratios of pairs, and tails."""
    by_name = {one.contender.name: one for one in results}
    pairs = (
        ("sdk-doorward", "sdk-pyjwt", "the official SDK with a verifier of its own on PyJWT"),
        ("fastmcp-doorward", "fastmcp", "FastMCP with its own verifier"),
    )
    said = [
        f"{by_name[ours].contender.label}: {by_name[theirs].cpu / by_name[ours].cpu:.2f} times the"
        f" throughput of {words}."
        for ours, theirs, words in pairs
        if ours in by_name and theirs in by_name
    ]
    said += [
        f"{by_name[name].contender.label}: at 32 connections p99 is"
        f" {by_name[name].p99 / by_name[name].p50:.1f} × p50."
        for name in ("doorward", "doorward-new")
        if name in by_name
    ]
    return "\n".join(said)


def where_the_time_goes(parts: Parts, results: Sequence[Result], verified: Sequence[Cost]) -> str:
    """Return the table of a call's parts, and what the HTTP server and the kernel add to it."""
    costs = parts.costs
    whole = costs["call"] - costs["floor"]
    rows = [["part of a call with a known token", "µs", "share"], ["---"] * 3]
    rows += [[name, f"{one * 1e6:.1f}", f"{one / whole:.0%}"] for name, one in _shares(costs)]
    rows.append(["**all of it**", f"{whole * 1e6:.1f}", "100%"])
    by_name = {one.contender.name: one for one in results}
    live = (by_name["doorward"].cpu - by_name["floor-bare"].cpu) * 1e6
    said = (
        "CPU in one process without HTTP server, kernel and load, the quickest of interleaved"
        " rounds; what only carries the call (a constant answer) is taken off.\n"
        f"In a live server the same code takes {live:.0f} µs: between two requests the kernel and"
        " the HTTP server have put other things into the processor's caches."
        f" That HTTP server alone, with a constant answer, takes {by_name['floor-bare'].cpu * 1e6:.0f}"
        " µs per request; its part that is left is the largest one of all."
    )
    return f"{said}\n\n{table(rows)}\n\n{_a_new_token(costs, verified)}"


def _a_new_token(costs: Costs, verified: Sequence[Cost]) -> str:
    by_row = {one.row: one.seconds * 1e6 for one in verified if one.algorithm == "RS256"}
    more = (costs["new"] - costs["call"] + costs["recall"]) * 1e6
    check, whole = by_row[verification.RAW], by_row[verification.COLD]
    return (
        f"A call with a token that is new takes {more:.0f} µs more. The RS256 check is {check:.0f} of"
        f" them, and to read the token strictly, judge its claims and say whose it is, {whole - check:.0f},"
        f" each alone and over and over. The other {more - whole:.0f} are there because they are not"
        " alone: the check and the rest of the call push one another out of the caches."
    )


def _shares(costs: Costs) -> list[tuple[str, float]]:
    guard = costs["silent"] - costs["floor"]
    inside = costs["recall"] + costs["envelope"] + costs["decide"]
    transport = costs["transport"] - costs["floor"]
    audit = costs["guard"] - costs["silent"]
    whole = costs["call"] - costs["floor"]
    return [
        ("guard: recall of the token (SHA-256 and one lookup)", costs["recall"]),
        ("guard: the message, read strictly and held against the headers", costs["envelope"]),
        ("guard: policy", costs["decide"]),
        ("guard: one audit event and its line", audit),
        ("guard: Host, Origin, header forms, limits, passing on", guard - inside),
        ("transport: arguments, the tool, its result, the answer", transport),
        ("what the two together cost more than each alone", whole - guard - audit - transport),
    ]


def what_quick_paths_save(found: Sequence[QuickPath]) -> str:
    """Return the table of quick paths: what each costs, and what its plain reference costs."""
    rows = [["quick path, and when it is taken", "µs", "plain reference, µs", "saves µs"]]
    rows.append(["---"] * 4)
    for one in found:
        quick, plain = one.quick * 1e6, one.plain * 1e6
        rows.append([one.name, f"{quick:.1f}", f"{plain:.1f}", f"{plain - quick:.1f}"])
    said = (
        "CPU of each function alone, the quickest of interleaved rounds. A property test holds each"
        " quick path equal to its plain reference."
    )
    return f"{said}\n\n{table(rows)}"


def what_grows(parts: Parts) -> str:
    """Return what a call costs among many tools, and what many tokens take."""
    calls = {number: cost * 1e6 for number, cost in parts.by_tools.items()}
    rows = [["tools on offer", *(f"{number:,}" for number in calls)], ["---"] * (len(calls) + 1)]
    rows.append(["µs for a call of one of them", *(f"{cost:.1f}" for cost in calls.values())])
    many, costs = parts.many, parts.costs
    added = (costs["guard"] - costs["floor"]) * 1e6
    return (
        f"{table(rows)}\n\n"
        f"The guard alone, in front of a constant answer, adds {added:.1f} µs to a request with a"
        f" known token: policy, header checks and audit included.\n"
        f"To recall a known token takes {costs['recall'] * 1e6:.1f} µs where it is the only one, and"
        f" {many.recall * 1e6:.1f} µs among {many.tokens:,} others.\n"
        f"A remembered token of ten claims takes {many.bytes_each:,.0f} bytes with all its claims,"
        f" {many.tokens:,} of them {many.bytes_each * many.tokens / 1e6:.1f} MB. When {many.tokens:,}"
        f" more had come, {many.left:,} of these were still known: the oldest are forgotten."
    )


def crowds(found: Sequence[Crowd]) -> str:
    """Return the table of crowds, and what follows from it for the default."""
    heads = [
        f"{number:,} connections: per second, p50 / p99 ms (answered once)" for number in CROWDS
    ]
    rows = [["server", "event loop", *heads], ["---"] * (2 + len(heads))]
    by_key = {one[:3]: one for one in found}
    for name in dict.fromkeys(one.name for one in found):
        for loop in LOOPS:
            cells = [by_key[name, loop, number] for number in CROWDS]
            label = BY_NAME[name].label
            rows.append([label, loop, *(_crowd(one) for one in cells)])
    ours = {loop: by_key["doorward", loop, CROWDS[-1]] for loop in LOOPS}
    asyncio, uvloop = ours["asyncio"], ours["uvloop"]
    said = (
        "One worker, the turn with the median p99. No connection ever rests, so"
        " with n of them nobody can wait for less than n requests: the tail beyond p50 is what the"
        f" loop adds.\nWith {CROWDS[-1]:,} of them doorward's p99 is {asyncio.p99 / asyncio.p50:.1f}"
        f" × p50 on its own loop, which is asyncio's with a bound on each turn.\n"
        "Times are counted from when every connection had been answered once, which is in brackets."
        f" {PATIENCE:.0f} seconds were waited for that. uvloop takes one new connection in each turn"
        " of its loop, whatever the application: of a thousand that came at once,"
        f" {uvloop.unmet:,} had not been let in by then, and their wait is in its p99.\n"
        "So doorward's own servers run on asyncio's loop. With few connections, or behind a proxy that"
        " keeps them open, uvloop is as good a choice."
    )
    return f"{said}\n\n{table(rows)}"


def what_the_client_adds(found: Sequence[Added]) -> str:
    """Return the table of what a client's authorization costs each request with a good token."""
    by_row = {one.row: one.seconds * 1e6 for one in found}
    bare = by_row[client_requests.NONE]
    rows = [["authorization of the client", "µs per request", "added"], ["---"] * 3]
    rows += [
        [row, f"{by_row[row]:.1f}", f"{by_row[row] - bare:.1f}"] for row in client_requests.ROWS
    ]
    said = (
        "CPU of a whole `httpx2` request that is answered at once in the same process, the quickest"
        " of interleaved rounds. The token is good: nothing is refreshed, and nobody is asked.\n"
        "The figure to hold is 30 µs added."
    )
    return f"{said}\n\n{table(rows)}"


def _crowd(one: Crowd) -> str:
    met = f"{one.connections - one.unmet:,} in {one.gathering:.1f} s"
    return f"{one.per_second:,.0f}, {one.p50 * 1e3:.1f} / {one.p99 * 1e3:.0f} ({met})"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return ``rows`` as Markdown; the second one is the line under the heads."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
