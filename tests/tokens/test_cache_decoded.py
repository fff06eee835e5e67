"""Decoded identities: only cached ones, and never an expired one."""

from dataclasses import dataclass
from hashlib import sha256

from doorward.identity import Identity
from doorward.tokens.cache import VerifiedTokenCache

NOW = 1_800_000_000.0


@dataclass
class Dependency:
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


def test_many_cached_callers_keep_their_own_identity() -> None:
    cache, dependency = VerifiedTokenCache(entries=1000, ttl=300), Dependency()
    for number in range(600):
        cache.put(named(number), caller(number), dependency, 1, NOW)

    for _ in range(2):
        for number in range(600):
            found = cache.get(named(number), NOW)
            assert found is not None
            assert (found.subject, found.claims) == (
                f"user-{number}",
                {"sub": f"user-{number}"},
            )


def test_a_later_identity_replaces_the_cached_one() -> None:
    cache, dependency = VerifiedTokenCache(entries=10, ttl=300), Dependency()
    cache.put(named(1), caller(1, "wide"), dependency, 1, NOW)
    before = cache.get(named(1), NOW)
    cache.put(named(1), caller(1, "narrow"), dependency, 1, NOW)

    after = cache.get(named(1), NOW)

    assert before is not None
    assert before.scopes == {"wide"}
    assert after is not None
    assert after.scopes == {"narrow"}


def test_no_identity_is_returned_after_expiry_clearing_or_a_key_change() -> None:
    cache, dependency = VerifiedTokenCache(entries=10, ttl=300), Dependency()
    for number in range(3):
        cache.put(named(number), caller(number), dependency, 1, NOW)
        assert cache.get(named(number), NOW) is not None

    assert cache.get(named(0), NOW + 61) is None
    cache.clear()
    assert cache.get(named(1), NOW) is None
    cache.put(named(2), caller(2), dependency, 1, NOW)
    assert cache.get(named(2), NOW) is not None
    dependency.generation = 2
    assert cache.get(named(2), NOW) is None
