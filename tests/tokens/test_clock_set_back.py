"""A clock that is set back prolongs no pause and no cached value."""

import pytest

from doorward.errors import KeysUnavailable, UnknownKey
from doorward.net.circuit_breaker import CircuitBreaker
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys
from doorward.tokens.cache import VerifiedTokenCache
from doorward.tokens.jwt.token_bucket import TokenBucket
from doorward.tokens.refusals import LookupUnavailable
from tests.tokens.clock import FakeClock
from tests.tokens.provider import Provider, remote, started
from tests.tokens.signer import Signer
from tests.tokens.test_cache import NOW, Keys, caller, digest

HOUR = 3600


async def test_a_failed_issuer_is_asked_again_after_the_clock_is_set_back(
    provider: Provider, signer: Signer
) -> None:
    # As on a machine that starts with a wrong clock, and sets it right with its first network.
    time = FakeClock()
    keys = remote(provider, time)
    await keys.start()
    assert keys.problem is not None
    provider.publish(signer.jwk)
    with pytest.raises(KeysUnavailable):
        await keys.key("k1", "ES256")

    time.now -= HOUR

    assert (await keys.key("k1", "ES256")).kid == "k1"


async def test_keys_are_fetched_again_after_the_clock_is_set_back(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time)
    assert keys.known("k1", "ES256") is not None

    time.now -= HOUR
    assert keys.known("k1", "ES256") is None
    await keys.key("k1", "ES256")

    assert keys.known("k1", "ES256") is not None
    assert provider.asked == ["/keys", "/keys"]


async def test_cached_keys_are_used_when_the_issuer_is_down_after_the_clock_is_set_back(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time)
    provider.status = "500 Oops"

    time.now -= HOUR

    assert [(await keys.key("k1", "ES256")).kid for _ in range(3)] == ["k1"] * 3
    assert provider.asked == ["/keys", "/keys"]


async def test_a_new_key_is_found_after_the_clock_is_set_back(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time, unknown_kid_burst=1)
    for _ in range(2):
        with pytest.raises(UnknownKey):
            await keys.key("k2", "ES256")
    assert len(provider.asked) == 2

    time.now -= HOUR
    provider.publish({**signer.jwk, "kid": "k2"})

    assert (await keys.key("k2", "ES256")).kid == "k2"


def test_a_token_bucket_refills_after_the_clock_is_set_back() -> None:
    bucket = TokenBucket(2, 5)
    assert [bucket.take(NOW) for _ in range(3)] == [True, True, False]

    back = NOW - HOUR

    assert [bucket.take(back + passed) for passed in (0, 1, 5, 6, 10)] == [
        True,
        False,
        True,
        False,
        True,
    ]


async def test_the_pause_of_a_circuit_breaker_ends_when_the_clock_is_set_back() -> None:
    time = FakeClock()
    circuit_breaker = CircuitBreaker(
        lambda because, left: LookupUnavailable(because, retry_after=left), time
    )
    asked = 0

    async def silent() -> None:
        nonlocal asked
        asked += 1
        raise LookupUnavailable("nobody answers", hold=5, silent=True)

    async def ask() -> int:
        with pytest.raises(LookupUnavailable) as refusal:
            await circuit_breaker.call(silent)
        return refusal.value.retry_after

    await ask()
    time.now -= HOUR
    await ask()
    assert asked == 2

    # It failed again, and so there is a pause again, of the usual length.
    assert await ask() == 5
    time.now += 5
    await ask()
    assert asked == 3


def test_no_cached_identity_is_returned_after_the_clock_is_set_back() -> None:
    cache = VerifiedTokenCache(entries=10, ttl=60)
    cache.put(digest(1), caller(), Keys(), 0, NOW)
    assert cache.get(digest(1), NOW - 1) is None

    cache.put(digest(1), caller(), Keys(), 0, NOW)
    assert cache.get(digest(1), NOW + 59) == caller()


def test_local_keys_are_read_again_after_the_clock_is_set_back() -> None:
    time = FakeClock()
    mint = TokenMint(issuer="https://login.example")
    documents = [mint.jwks(), {"keys": []}]
    keys = LocalKeys(lambda: documents[0], clock=time)
    generation = keys.generation
    del documents[0]
    assert keys.generation == generation

    time.now -= HOUR

    assert keys.generation == generation + 1
