"""Callers at hand are those that are remembered, and never anybody whose entry is over."""

from dataclasses import dataclass
from hashlib import sha256

from doorward.identity import Identity
from doorward.tokens.cache import VerifiedTokenCache

NOW = 1_800_000_000.0


@dataclass
class Basis:
    """What findings rest on, in a test's hand."""

    generation: int = 1
    trusted_until: float = float("inf")


def caller(number: int, scope: str = "a") -> Identity:
    """Return a caller of that number."""
    return Identity(
        issuer="https://issuer.example",
        subject=f"user-{number}",
        client_id="client",
        scopes=frozenset({scope}),
        roles=frozenset(),
        expires_at=NOW + 60,
        claims_json=b'{"sub":"user-%d"}' % number,
    )


def named(number: int) -> bytes:
    """Return the digest of that caller's token."""
    return sha256(str(number).encode()).digest()


def test_many_callers_are_recalled_as_themselves_again_and_again() -> None:
    remembered, basis = VerifiedTokenCache(entries=1000, ttl=300), Basis()
    for number in range(600):
        remembered.keep(named(number), caller(number), basis, 1, NOW)

    for _ in range(2):
        for number in range(600):
            found = remembered.recall(named(number), NOW)
            assert found is not None
            assert (found.subject, found.claims) == (
                f"user-{number}",
                {"sub": f"user-{number}"},
            )


def test_whoever_is_found_out_anew_is_recalled_as_found_last() -> None:
    remembered, basis = VerifiedTokenCache(entries=10, ttl=300), Basis()
    remembered.keep(named(1), caller(1, "wide"), basis, 1, NOW)
    before = remembered.recall(named(1), NOW)
    remembered.keep(named(1), caller(1, "narrow"), basis, 1, NOW)

    after = remembered.recall(named(1), NOW)

    assert before is not None
    assert before.scopes == {"wide"}
    assert after is not None
    assert after.scopes == {"narrow"}


def test_nobody_is_at_hand_once_the_token_the_keys_or_the_memory_is_over() -> None:
    remembered, basis = VerifiedTokenCache(entries=10, ttl=300), Basis()
    for number in range(3):
        remembered.keep(named(number), caller(number), basis, 1, NOW)
        assert remembered.recall(named(number), NOW) is not None

    assert remembered.recall(named(0), NOW + 61) is None
    remembered.clear()
    assert remembered.recall(named(1), NOW) is None
    remembered.keep(named(2), caller(2), basis, 1, NOW)
    assert remembered.recall(named(2), NOW) is not None
    basis.generation = 2
    assert remembered.recall(named(2), NOW) is None
