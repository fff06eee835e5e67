"""A thousand busy connections to one server, on each event loop that it may run on."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.arena import Generator, Running, servers
from benchmarks.mint import Mint
from benchmarks.rounds import WrongTurn, prepare_calls
from benchmarks.servers import BY_NAME

LOOPS = ("asyncio", "uvloop")
CROWDS = (32, 1000)
NAMES = ("floor-bare", "doorward")


class Crowd(NamedTuple):
    """
    How one server on one loop fares with so many connections; times in seconds.

    ``gathering`` is until each had been answered once, or until that was waited for no longer:
    ``unmet`` had not been.
    """

    name: str
    loop: str
    connections: int
    per_second: float
    p50: float
    p99: float
    gathering: float
    unmet: int


def measure(
    mint: Mint, keys_url: str, *, seconds: float, rounds: int, say: Callable[[str], None]
) -> list[Crowd]:
    """
    Return what each server does on each loop for each crowd: the turn with the median p99.

    The two loops take turns, so that whatever else the machine does falls on both.
    """
    calls = prepare_calls(mint, 1)
    chosen = [BY_NAME[name] for name in NAMES]
    found: dict[tuple[str, str, int], list[Crowd]] = {}
    generator = Generator(calls)
    try:
        with (
            servers(chosen, keys_url, loop=LOOPS[0]) as first,
            servers(chosen, keys_url, loop=LOOPS[1]) as second,
        ):
            for number in range(rounds):
                for loop, running in zip(LOOPS, (first, second), strict=True):
                    for one in running:
                        for connections in CROWDS:
                            crowd = _turn(generator, one, loop, connections, seconds)
                            found.setdefault(crowd[:3], []).append(crowd)
                say(f"crowds: round {number + 1} of {rounds}")
    finally:
        generator.close()
    return [sorted(turns, key=lambda one: one.p99)[len(turns) // 2] for turns in found.values()]


def _turn(
    generator: Generator, running: Running, loop: str, connections: int, seconds: float
) -> Crowd:
    tally = generator.turn(running, seconds, connections).tally
    name = running.contender.name
    if tally.wrong:
        raise WrongTurn(name, tally.wrong)
    p50, p99 = tally.latencies
    per_second = tally.answered / tally.seconds
    return Crowd(name, loop, connections, per_second, p50, p99, tally.gathering, tally.unmet)
