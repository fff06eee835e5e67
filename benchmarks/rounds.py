"""Requests per second and CPU per request, every server in turn, round after round."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.answers import check_answers, check_refusals
from benchmarks.arena import Generator, Running, Turn, servers
from benchmarks.calls import Call, call_add
from benchmarks.mint import Mint
from benchmarks.servers import Contender

CHECKED = 5


class Result(NamedTuple):
    """
    What one contender did: medians over all rounds, but for ``cpu``; times in seconds, memory in bytes.

    ``cpu`` is that of the quickest round: nothing makes a server take less than it needs, and what
    else the machine and its host do makes it take more. ``share`` is how much of its core it used.
    """

    contender: Contender
    per_second: float
    slowest: float
    fastest: float
    cpu: float
    p50: float
    p99: float
    share: float
    memory: int
    started: float


def prepare_calls(mint: Mint, distinct: int) -> dict[str, list[Call]]:
    """
    Return the calls by the names that contenders ask for.

    ``distinct`` tokens, in turn, are new to a server each time when it remembers fewer of them.
    """
    token = mint.token()
    return {
        "same": [call_add(0, token)],
        "known": [call_add(number, token) for number in range(512)],
        "new": [call_add(number, some) for number, some in enumerate(mint.tokens(distinct))],
    }


def measure(
    contenders: Sequence[Contender],
    mint: Mint,
    keys_url: str,
    *,
    rounds: int,
    seconds: float,
    distinct: int,
    say: Callable[[str], None],
) -> list[Result]:
    """
    Return what each contender did, in turns of ``seconds``.

    Raises:
        WrongAnswer: a server answered wrongly before, after or during its turns.
    """
    calls = prepare_calls(mint, distinct)
    with servers(contenders, keys_url) as running:
        for one in running:
            _check(one, calls, mint)
        generator = Generator(calls)
        try:
            turns = _play(generator, running, rounds, seconds, say)
        finally:
            generator.close()
        results = [_result(one, turns[one.contender.name]) for one in running]
        for one in running:
            _check(one, calls, mint)
    return results


def _check(running: Running, calls: dict[str, list[Call]], mint: Mint) -> None:
    check_answers(running, calls[running.contender.calls][:CHECKED])
    if running.contender.guarded:
        check_refusals(running, mint)


def _play(
    generator: Generator,
    running: Sequence[Running],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = {one.contender.name: [] for one in running}
    for one in running:
        generator.turn(one, min(seconds, 0.5))
    for number in range(rounds):
        for one in running:
            turn = generator.turn(one, seconds)
            if turn.tally.wrong:
                raise WrongTurn(one.contender.name, turn.tally.wrong)
            turns[one.contender.name].append(turn)
        say(f"round {number + 1} of {rounds}")
    return turns


class WrongTurn(Exception):
    """Under load a server answered wrongly or dropped a connection."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(f"{name} answered {count} calls wrongly under load")


def _result(running: Running, turns: Sequence[Turn]) -> Result:
    rates = [turn.per_second for turn in turns]
    return Result(
        contender=running.contender,
        per_second=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        cpu=min(turn.cpu_per_answer for turn in turns),
        p50=median(turn.tally.latencies[0] for turn in turns),
        p99=median(turn.tally.latencies[1] for turn in turns),
        share=median(turn.cpu / turn.tally.seconds for turn in turns),
        memory=running.process.memory_info().rss,
        started=running.started,
    )
