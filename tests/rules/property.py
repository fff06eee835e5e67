"""The property, checked on drawn servers of one kind."""

import asyncio
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from structlog.testing import capture_logs

from tests.rules.checking import Count, check
from tests.rules.drawing import draw_callers, draw_model
from tests.rules.requests import Example, draw_request

EXAMPLES = int(os.environ.get("DOORWARD_FUZZ_EXAMPLES", "25"))
SEED = int(os.environ.get("DOORWARD_FUZZ_SEED", "0"))


Found = tuple[str, Example, list[str]]


def send(kind: str, count: Count, *, examples: int = EXAMPLES) -> Found | None:
    """Send drawn requests; return the first example in which a server does something wrong."""
    return _first_wrong(_examples(kind, examples, least=15, most=30), count)


def compare(kind: str, count: Count, *, examples: int = max(EXAMPLES * 2 // 5, 1)) -> Found | None:
    """Compare what servers say with what they run; return the first example with a difference."""
    return _first_wrong(_examples(kind, examples, least=0, most=0), count)


def described(found: Found | None) -> str:
    """Return the seed, the errors and the requests that are needed for them; nothing for nothing."""
    if found is None:
        return ""
    seed, example, _ = found
    shortest = _shortest(example)
    return f"Seed {seed!r}: {_wrong(shortest, Count())}\n{shortest}"


def _examples(kind: str, examples: int, *, least: int, most: int) -> Iterator[tuple[str, Example]]:
    for number in range(examples):
        # The random module of the standard library and not Hypothesis, which repeats parts of its
        # draws: of a hundred servers that it draws, twenty are different.
        seed = f"{SEED} {number}"
        rng = Random(seed)
        model = draw_model(rng, kind)
        requests = [draw_request(rng, model, kind) for _ in range(rng.randint(least, most))]
        yield seed, Example(kind, model, draw_callers(rng), requests)


def _first_wrong(examples: Iterator[tuple[str, Example]], count: Count) -> Found | None:
    for seed, example in examples:
        if wrong := _wrong(example, count):
            return seed, example, wrong
    return None


def _wrong(example: Example, count: Count) -> list[str]:
    # Servers log each error with its traceback, which takes longer than the request.
    logging.disable()
    try:
        with capture_logs():
            return asyncio.run(check(example, count))
    finally:
        logging.disable(logging.NOTSET)


def _shortest(example: Example) -> Example:
    """Return the example without the requests that it does not need to go wrong."""
    some = example.requests
    for place in range(len(some)):
        less = replace(example, requests=[*some[:place], *some[place + 1 :]])
        if less.requests and _wrong(less, Count()):
            return _shortest(less)
    return example
