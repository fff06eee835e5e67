"""The section of docs/benchmarks.md about token endpoints; nothing in it is written by hand."""

import json
from collections.abc import Sequence
from importlib.metadata import version

from benchmarks.issuers.arena import LIBRARY, OURS, OURS_ON_POSTGRESQL, Issuer
from benchmarks.issuers.rounds import CONNECTIONS, MANY_CONNECTIONS, Costs, Results
from benchmarks.sections import table

HEADING = "## Token endpoints"
# What each operation of ours may cost on SQLite and on PostgreSQL, in CPU µs of our process: the
# figures to hold.
_LIMITS: dict[str, tuple[int, int | None]] = {
    "code": (450, 650),
    "refresh": (450, 650),
    "introspection": (300, None),
    "revocation": (400, None),
    "key set": (60, 60),
    "metadata": (60, 60),
    "sign-in": (4000, None),
}


def section(issuers: Sequence[Issuer], results: Results, *, day: str, load: float) -> str:
    """Return the section, with its heading."""
    rows = [["server", "durable", "CPU µs per code", "CPU µs per refresh", "p99 ms of both"]]
    rows.append(["---"] * 5)
    for one in issuers:
        code, refresh = results[one.name, "code"], results[one.name, "refresh"]
        tails = f"{code.p99 * 1e3:.0f}, {refresh.p99 * 1e3:.0f}"
        rows.append([one.label, one.durable, _micro(code), _micro(refresh), tails])
    parts = [HEADING, _method(day, load), table(rows)]
    for name, where, number in ((OURS, "SQLite", 0), (OURS_ON_POSTGRESQL, "PostgreSQL", 1)):
        if (name, "code") in results:
            limits = {kind: both[number] for kind, both in _LIMITS.items()}
            parts += [_ours(name, where, limits, results), *_crowds(name, where, results)]
    return "\n\n".join(parts)


def _method(day: str, load: float) -> str:
    return (
        f"Measured {day}, load average at the start {load:.1f}: `make bench-tokens`."
        f" Authlib {version('authlib')}{_oidc_provider()}.\n"
        "Each server redeems codes and refreshes tokens for one public client with PKCE, signs with"
        f" ES256 and rotates refresh tokens, on {CONNECTIONS} connections and one core."
        " The servers take turns, and every answer is checked.\n"
        "CPU is user and system time of a server's processes in its quickest round. p99 is the median"
        " of the rounds, and includes the wait for other load on the machine.\n"
        "doorward writes its audit events as `doorward serve` does. Its answers leave after their"
        " commit. On PostgreSQL, CPU is that of doorward's process alone; the database is on the same"
        " machine, with `fsync`.\n"
        "Introspection is of tokens that this process issued; one that it has never seen costs a"
        " verified signature more.\n"
        "A sign-in is the request to `/authorize` with a session, the consent page, its form, and the"
        " code redeemed."
    )


def _oidc_provider() -> str:
    package = LIBRARY.parents[1] / "package.json"
    if not package.exists():
        return ""
    return f", oidc-provider {json.loads(package.read_text(encoding='utf-8'))['version']}"


def _ours(name: str, where: str, limits: dict[str, int | None], results: Results) -> str:
    heads = [f"request to doorward on {where}", "CPU µs", "per second on one core"]
    rows = [[*heads, "p99 ms", "at most µs"], ["---"] * 5]
    for kind, limit in limits.items():
        costs = results[name, kind]
        # A turn of a quick run can be shorter than a tick of the kernel's clock.
        rate = f"{1 / costs.quickest:,.0f}" if costs.quickest else "not measured"
        most = "" if limit is None else str(limit)
        rows.append([kind, _micro(costs), rate, f"{costs.p99 * 1e3:.0f}", most])
    return table(rows)


def _crowds(name: str, where: str, results: Results) -> list[str]:
    kinds = [kind for kind in ("code of many", "refresh of many") if (name, kind) in results]
    if not kinds:
        return []
    said = ", ".join(
        f"{kind.partition(' ')[0]} {results[name, kind].p99 * 1e3:.0f} ms" for kind in kinds
    )
    return [f"p99 of doorward on {where} at {MANY_CONNECTIONS} connections: {said}."]


def _micro(costs: Costs) -> str:
    return f"{costs.quickest * 1e6:.0f}"
