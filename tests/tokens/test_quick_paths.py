"""Each fast path equals its reference, in any order of calls."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.errors import RequestRefused
from doorward.identity import Identity
from doorward.tokens import Revocations, Verifier
from doorward.tokens import cache as cache_module
from doorward.tokens.cache import VerifiedTokenCache
from tests.tokens.clock import FakeClock
from tests.tokens.jwt.verifiers import make_verifier
from tests.tokens.signer import NOW, Signer, claims

TTL = 60.0
SIGNER = Signer("ES256")
TOKENS = [
    SIGNER.token(claims(jti="long")),
    SIGNER.token(claims(jti="short", exp=NOW + 40)),
    SIGNER.token(claims(jti="over", exp=NOW - 60)),
    SIGNER.token(claims(jti="elsewhere", aud="https://other.example")),
]


class Dependency:
    """A dependency that a test changes."""

    generation = 0
    trusted_until = float("inf")


class PlainCache:
    """The reference: identities as they are, and the rule by which an entry is valid."""

    def __init__(self) -> None:
        self.entries: dict[bytes, tuple[float, int, Identity]] = {}

    def get(self, digest: bytes, now: float, dependency: Dependency) -> Identity | None:
        entry = self.entries.get(digest)
        if entry is None:
            return None
        expires_at, generation, identity = entry
        if expires_at - TTL <= now < expires_at and dependency.generation == generation:
            return identity
        del self.entries[digest]
        return None

    def put(self, digest: bytes, identity: Identity, generation: int, now: float) -> None:
        self.entries[digest] = (min(identity.expires_at, now + TTL), generation, identity)


@pytest.fixture(autouse=True, scope="module")
def few_decoded() -> Iterator[None]:
    """Let the cache clear what it keeps decoded often, and not after 256 callers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_module, "_MAX_DECODED", 2)
        yield


DIGESTS = [number.to_bytes(32, "big") for number in range(3)]
identities = st.builds(
    Identity,
    issuer=st.sampled_from(["https://a.example", "https://b.example"]),
    subject=st.text(max_size=5),
    client_id=st.none() | st.text(max_size=3),
    scopes=st.frozensets(st.sampled_from("abc")),
    roles=st.frozensets(st.sampled_from("xy")),
    expires_at=st.sampled_from([NOW + 30, NOW + 600]),
    kind=st.sampled_from(["person", "service", "key"]),
    name=st.none() | st.text(max_size=3),
    token_id=st.none() | st.text(max_size=3),
    claims_json=st.binary(max_size=60),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(DIGESTS), identities),
        st.tuples(st.just("pass"), st.sampled_from([-90.0, 0.0, 29.0, 31.0]), st.none()),
        st.tuples(st.just("change"), st.none(), st.none()),
        st.tuples(st.just("clear"), st.none(), st.none()),
    ),
    max_size=15,
)


@given(steps)
def test_the_compact_cache_equals_a_plain_one(
    taken: list[tuple[str, bytes | float | None, Identity | None]],
) -> None:
    cache, plain, dependency, now = (
        VerifiedTokenCache(entries=100, ttl=TTL),
        PlainCache(),
        Dependency(),
        NOW,
    )
    for step, subject, identity in taken:
        if isinstance(subject, float):
            now += subject
        elif step == "change":
            dependency.generation += 1
        elif step == "clear":
            cache.clear()
            plain.entries.clear()
        elif isinstance(subject, bytes) and identity is not None:
            cache.put(subject, identity, dependency, dependency.generation, now)
            if now < identity.expires_at:
                plain.put(subject, identity, dependency.generation, now)
        for digest in DIGESTS:
            assert cache.get(digest, now) == plain.get(digest, now, dependency)


async def verified(verifier: Verifier, token: bytes) -> Identity | str:
    try:
        return await verifier.verify(token)
    except RequestRefused as refusal:
        return refusal.code


# Each example verifies up to forty signatures.
@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(TOKENS), st.sampled_from([0.0, 0.0, 25.0, 45.0])), max_size=20
    )
)
def test_a_cached_token_gets_the_same_result_as_an_uncached_one(
    presented: list[tuple[bytes, float]],
) -> None:
    async def present() -> None:
        clock = FakeClock()
        cached = make_verifier(SIGNER, clock=clock, cache_ttl=TTL, leeway=0)
        uncached = make_verifier(SIGNER, clock=clock, cache_ttl=0, leeway=0)
        for token, passed in presented:
            clock.now += passed
            reference = await verified(uncached, token)
            recalled = cached.recall(token)
            assert recalled is None or recalled == reference
            assert await verified(cached, token) == reference

    asyncio.run(present())


ids = st.sampled_from(["grant.1", "grant.2", "grant", "other.1", "alone"])


@given(
    revoked=st.frozensets(ids), token_id=st.none() | ids, passed=st.sampled_from([0.0, 1.9, 2.0])
)
def test_the_synchronous_revocation_check_equals_the_asynchronous_one_for_a_fresh_list(
    revoked: frozenset[str], token_id: str | None, passed: float
) -> None:
    async def ask() -> None:
        clock = FakeClock()

        async def read() -> frozenset[str]:
            return revoked

        revocations = Revocations(read, clock=clock, recheck=2.0)
        await revocations._load()
        clock.now += passed
        at_once = revocations.admits(token_id, clock())
        try:
            await revocations.require(token_id)
        except RequestRefused:
            admitted = False
        else:
            admitted = True

        assert at_once is (admitted and passed < 2.0)

    asyncio.run(ask())
