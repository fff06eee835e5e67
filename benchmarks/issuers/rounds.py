"""Rounds in which every server redeems codes and refreshes, and ours answers the rest too."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from benchmarks.issuers.arena import Issuer, Running, available, started
from benchmarks.issuers.exchanges import (
    Codes,
    Introspections,
    Refreshes,
    Repeated,
    Revocations,
    SignIns,
    get,
)
from benchmarks.issuers.load import Exchange, Tally

CONNECTIONS, MANY_CONNECTIONS = 16, 256
_METADATA = "/.well-known/oauth-authorization-server"


@dataclass
class Costs:
    """What one kind of request cost in every round; the first round only warms up."""

    cpu: list[float] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)

    def add(self, tally: Tally, cpu: float, requests: int) -> None:
        """Add a round, in which an operation was ``requests`` requests."""
        self.cpu.append(cpu * requests / tally.answered)
        self.tallies.append(tally)

    @property
    def quickest(self) -> float:
        """CPU seconds in the quickest round: other load on the machine only adds to it."""
        return min(self.cpu[1:] or self.cpu)

    @property
    def p99(self) -> float:
        """The median over the rounds of the 99th percentile."""
        return median(one.quantile(0.99) for one in self.tallies[1:] or self.tallies)


Results = dict[tuple[str, str], Costs]


def measure(
    *, rounds: int, count: int, many: int, say: Callable[[str], None]
) -> tuple[Sequence[Issuer], Results]:
    """Return the servers that ran, and their costs by server and kind of request."""
    issuers = available()
    results: Results = {}
    with contextlib.ExitStack() as stack:
        # One more turn with many connections, at the end.
        codes = (rounds + 1) * count + max(many, MANY_CONNECTIONS)
        running = [stack.enter_context(started(one, codes)) for one in issuers]
        spent = {one.issuer.name: one.seed.redeemable() for one in running}
        for number in range(rounds + 1):
            say(f"token endpoints, round {number} of {rounds}")
            for one in running:
                _round(one, spent[one.issuer.name], count, results)
        for one in running:
            if one.issuer.is_ours and many:
                _crowd(one, spent[one.issuer.name], many, results)
    return issuers, results


def measure_exchanges(
    issuers: Sequence[Issuer], *, rounds: int, count: int, say: Callable[[str], None]
) -> Results:
    """Return the costs of codes and refreshes alone, by server."""
    results: Results = {}
    with contextlib.ExitStack() as stack:
        codes = (rounds + 1) * count
        running = [stack.enter_context(started(one, codes)) for one in issuers]
        spent = {one.issuer.name: one.seed.redeemable() for one in running}
        for number in range(rounds + 1):
            say(f"token endpoints, round {number} of {rounds}")
            for one in running:
                _exchange(one, spent[one.issuer.name], count, results)
    return results


def _exchange(
    running: Running, codes: Iterator[tuple[str, str]], count: int, results: Results
) -> list[Refreshes]:
    """Redeem codes and refresh their tokens; return what has the newest tokens."""
    client, name = running.seed.client_id, running.issuer.name
    redeemed = _redeem(client, codes, count, CONNECTIONS)
    tally, cpu = running.turn(redeemed)
    results.setdefault((name, "code"), Costs()).add(tally, cpu, 1)
    per = count // CONNECTIONS
    refreshed = [Refreshes(client, _refresh_tokens(one), per) for one in redeemed]
    tally, cpu = running.turn(refreshed)
    results.setdefault((name, "refresh"), Costs()).add(tally, cpu, 1)
    return refreshed


def _round(
    running: Running, codes: Iterator[tuple[str, str]], count: int, results: Results
) -> None:
    client, per = running.seed.client_id, count // CONNECTIONS
    name = running.issuer.name

    def turn(kind: str, exchanges: Sequence[Exchange], requests: int = 1) -> None:
        tally, cpu = running.turn(exchanges)
        results.setdefault((name, kind), Costs()).add(tally, cpu, requests)

    refreshed = _exchange(running, codes, count, results)
    if not running.issuer.is_ours:
        return
    access = iter([token for one in refreshed for token in one.access])
    turn("introspection", [Introspections(access) for _ in range(CONNECTIONS)])
    left = iter([token for one in refreshed for token in one.tokens])
    turn("revocation", [Revocations(client, left) for _ in range(CONNECTIONS)])
    keys, metadata = get("/jwks.json"), get(_METADATA)
    turn("key set", [Repeated(keys, b'"keys"', per) for _ in range(CONNECTIONS)])
    turn("metadata", [Repeated(metadata, b'"issuer"', per) for _ in range(CONNECTIONS)])
    cookies, some = running.seed.cookies, max(per // 4, 1)
    turn("sign-in", [SignIns(client, cookies, some) for _ in range(CONNECTIONS)], requests=3)


def _crowd(
    running: Running, codes: Iterator[tuple[str, str]], count: int, results: Results
) -> None:
    client = running.seed.client_id
    redeemed = _redeem(client, codes, max(count, MANY_CONNECTIONS), MANY_CONNECTIONS)
    per = max(count // MANY_CONNECTIONS, 1)
    crowds: list[tuple[str, Callable[[], Sequence[Exchange]]]] = [
        ("code of many", lambda: redeemed),
        (
            "refresh of many",
            lambda: [Refreshes(client, _refresh_tokens(one), per) for one in redeemed],
        ),
    ]
    for kind, exchanges in crowds:
        tally, cpu = running.turn(exchanges())
        results.setdefault((running.issuer.name, kind), Costs()).add(tally, cpu, 1)


def _redeem(
    client: str, codes: Iterator[tuple[str, str]], count: int, connections: int
) -> list[Codes]:
    some = list(islice(codes, count))
    return [Codes(client, iter(some[number::connections])) for number in range(connections)]


def _refresh_tokens(redeemed: Codes) -> list[str]:
    return [one["refresh_token"] for one in redeemed.tokens]
