"""The filter of seen tokens: what it remembers, and how much memory it takes."""

import gc
import tracemalloc

import pytest

from doorward.tokens.seen_filter import SeenFilter


def token(number: int) -> bytes:
    return b"token-%d" % number


def test_every_added_token_is_recognised_as_seen() -> None:
    seen = SeenFilter(1000)

    for number in range(1000):
        seen.add(token(number))

    assert all(seen.seen_before(token(number)) for number in range(1000))


def test_few_unseen_tokens_are_mistaken_for_seen_ones() -> None:
    seen = SeenFilter(1000)
    for number in range(1000):
        seen.add(token(number))

    mistaken = sum(seen.seen_before(token(number)) for number in range(1000, 11_000))

    # One mark in eight is taken at most; twice that would be another rule.
    assert mistaken < 2500


def test_a_token_unused_for_long_is_forgotten_and_a_used_one_is_not() -> None:
    seen = SeenFilter(10)
    seen.add(token(0))
    seen.add(token(1))
    # Python's hashes differ from run to run: of few marks, another token's may be the same.
    place = hash(token(1)) & seen._mask
    others = (token(number) for number in range(2, 2000))
    elsewhere = [other for other in others if hash(other) & seen._mask != place]

    for other in elsewhere[:28]:
        seen.add(other)
        assert seen.seen_before(token(0))

    assert seen.seen_before(token(1)) is (hash(token(0)) & seen._mask == place)


def test_a_forgotten_token_never_reappears() -> None:
    seen = SeenFilter(1)
    seen.add(token(0))
    place = hash(token(0)) & seen._mask
    others = (token(number) for number in range(1, 2000))
    elsewhere = [other for other in others if hash(other) & seen._mask != place]

    lives = []
    for other in elsewhere[:1000]:
        seen.add(other)
        # Looked at and not asked: to ask is to come again.
        lives.append(seen._slots[place] >= seen._period - 1)

    assert lives[:2] == [True, False]
    assert not any(lives[1:])


def test_a_cleared_filter_is_empty() -> None:
    seen = SeenFilter(10)
    seen.add(token(0))

    seen.clear()

    assert not seen.seen_before(token(0))


@pytest.mark.slow
def test_the_filter_uses_bounded_memory() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        seen = SeenFilter(10_000)
        for number in range(50_000):
            seen.add(token(number))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 200_000
