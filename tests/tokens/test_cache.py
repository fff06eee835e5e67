"""The cache of verified tokens: entries are returned unchanged, and are small."""

import gc
import json
import tracemalloc
from typing import Any

import pytest

from doorward.identity import Identity
from doorward.tokens.cache import VerifiedTokenCache

NOW = 1_800_000_000.0


class Keys:
    """A dependency that a test changes."""

    generation = 0
    trusted_until = float("inf")


def caller(number: int = 0, **changes: Any) -> Identity:
    """Return a caller such as our own authorization server's tokens make them."""
    claims = {
        "iss": "https://login.example/realms/mcp",
        "sub": f"b1946ac9-2492-4d23-87f3-{number:012d}",
        "aud": "https://mcp.example/mcp",
        "client_id": "https://client.example/oauth/client-metadata.json",
        "scope": "mcp:read mcp:tools mcp:prompts",
        "roles": ["user"],
        "preferred_username": f"user{number}",
        "iat": NOW - number % 60,
        "exp": NOW + 600,
        "jti": f"{number * 7919:022d}.{number * 104729:022d}",
        "name": f"User Number {number}",
    }
    given: dict[str, Any] = {
        "issuer": str(claims["iss"]),
        "subject": str(claims["sub"]),
        "client_id": str(claims["client_id"]),
        "scopes": frozenset(str(claims["scope"]).split()),
        "roles": frozenset({"user"}),
        "expires_at": NOW + 600,
        "name": str(claims["name"]),
        "token_id": str(claims["jti"]),
        "claims_json": json.dumps(claims, separators=(",", ":")).encode(),
    }
    return Identity(**{**given, **changes})


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": "service", "name": None, "token_id": None, "client_id": None},
        {"roles": frozenset(), "scopes": frozenset({"other"})},
        {"claims_json": b"{}"},
        {"claims_json": b'{"x":"' + b"y" * 9000 + b'"}'},
        {"claims_json": '{"name":"Zoë \U0001f600"}'.encode(), "subject": "Zoë"},
        {"expires_at": NOW + 60},
    ],
)
def test_a_cached_identity_equals_the_stored_one(changes: dict[str, Any]) -> None:
    cache = VerifiedTokenCache(entries=10, ttl=60)
    cache.put(digest(0), caller(0), Keys(), 0, NOW)
    wanted = caller(1, **changes)

    handed_out = cache.put(digest(1), wanted, Keys(), 0, NOW)
    recalled = cache.get(digest(1), NOW)

    assert recalled is not None
    assert recalled == handed_out
    assert recalled.claims_json == wanted.claims_json
    assert recalled.claims == wanted.claims
    for name in ("key", "client_id", "scopes", "roles", "expires_at", "kind", "name", "token_id"):
        assert getattr(recalled, name) == getattr(wanted, name)


def test_the_repr_of_an_identity_shows_no_claims_of_another_token() -> None:
    cache = VerifiedTokenCache(entries=10, ttl=60)
    alice = caller(0, claims_json=b'{"email":"alice@example.com","team":"one"}')
    bob = caller(1, claims_json=b'{"email":"bob@example.com","team":"one"}')
    cache.put(digest(0), alice, Keys(), 0, NOW)

    shown = repr(cache.put(digest(1), bob, Keys(), 0, NOW))

    assert "bob@example.com" in shown
    assert "alice@example.com" not in shown


@pytest.mark.slow
def test_ten_thousand_callers_take_less_than_five_megabytes() -> None:
    cache, keys = VerifiedTokenCache(entries=10_000, ttl=600), Keys()
    cache.put(digest(0), caller(0), keys, 0, NOW)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(10_000):
            cache.put(digest(number), caller(number), keys, 0, NOW)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(cache) == 10_000
    assert after - before < 5_000_000


def test_identities_beyond_the_shared_shapes_are_cached() -> None:
    cache = VerifiedTokenCache(entries=3_000, ttl=60)

    for number in range(3_000):
        one = caller(number, client_id=f"client-{number}")
        cache.put(digest(number), one, Keys(), 0, NOW)

    for number in (0, 1_500, 2_999):
        recalled = cache.get(digest(number), NOW)
        assert recalled is not None
        assert recalled.client_id == f"client-{number}"


def test_a_key_change_empties_the_cache() -> None:
    cache, keys = VerifiedTokenCache(entries=10, ttl=60), Keys()
    cache.put(digest(1), caller(1), keys, 0, NOW)

    keys.generation = 1

    assert cache.get(digest(1), NOW) is None
    assert len(cache) == 0


@pytest.mark.parametrize("settings", [{"entries": 0, "ttl": 60}, {"entries": 10, "ttl": 0}])
def test_a_size_or_ttl_of_zero_turns_the_cache_off(settings: dict[str, Any]) -> None:
    cache = VerifiedTokenCache(**settings)
    one = caller(1)

    assert cache.is_off
    assert cache.put(digest(1), one, Keys(), 0, NOW) is one
    assert cache.get(digest(1), NOW) is None
