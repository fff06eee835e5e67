"""Remote keys: rotation, and invented key ids."""

import asyncio

import pytest

from doorward.errors import KeysUnavailable, UnknownKey
from doorward.tokens import TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.jwt.verifiers import come_twice
from tests.tokens.provider import Provider, remote, started, until
from tests.tokens.signer import NOW, RESOURCE, Signer, claims


@proves("S134", "refuses", "key fetching is bounded")
async def test_unknown_kids_cause_a_limited_number_of_fetches(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time, unknown_kid_interval=5, unknown_kid_burst=4)
    for n in range(20):
        with pytest.raises(UnknownKey):
            await keys.key(f"invented-{n}", "ES256")
    assert len(provider.asked) == 1 + 4

    for step, asked in ((4.9, 5), (0.1, 6), (5.0, 7), (4.9, 7)):
        time.now += step
        for n in range(20):
            with pytest.raises(UnknownKey):
                await keys.key(f"invented-{n}", "ES256")
        assert len(provider.asked) == asked
    assert keys.known("k1", "ES256") is not None


@proves("S135", "accepts", "key rotation")
async def test_a_new_key_is_found_within_seconds_during_a_flood_of_unknown_kids(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time)
    for n in range(20):
        with pytest.raises(UnknownKey):
            await keys.key(f"invented-{n}", "ES256")
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)
    with pytest.raises(UnknownKey):
        await keys.key("k2", "ES256")

    time.now += 5
    # Whichever of the names comes first, the set that it fetches has the new key.
    with pytest.raises(UnknownKey):
        await keys.key("invented", "ES256")
    assert (await keys.key("k2", "ES256")).kid == "k2"


@proves("S135", "accepts", "key rotation")
async def test_a_lookup_during_the_retry_pause_does_not_use_up_the_unknown_kid_limit(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(
        provider, signer, time, unknown_kid_interval=1000, unknown_kid_burst=2, retry_interval=5
    )
    provider.status = "500 Oops"
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            await keys.key("k2", "ES256")
    assert len(provider.asked) == 2

    time.now += 5
    provider.status = "200 OK"
    provider.publish(Signer("ES256", "k2").jwk)
    assert (await keys.key("k2", "ES256")).kid == "k2"


@proves("S135", "accepts", "key rotation")
async def test_a_key_set_requested_before_the_rotation_is_fetched_again(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, FakeClock())
    await keys.start()
    provider.gate.clear()
    first = asyncio.create_task(keys.key("invented", "ES256"))
    await until(lambda: len(provider.asked) == 2)
    # Asked for with the old set already on its way, by many at once.
    waiting = [asyncio.create_task(keys.key("k2", "ES256")) for _ in range(20)]
    await asyncio.sleep(0)
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)
    provider.gate.set()

    with pytest.raises(UnknownKey):
        await first
    assert {key.kid for key in await asyncio.gather(*waiting)} == {"k2"}
    assert len(provider.asked) == 3


@proves("S135", "accepts", "key rotation")
async def test_concurrent_lookups_of_a_new_key_succeed_after_one_fetch(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, FakeClock())
    await keys.start()
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)
    provider.gate.clear()
    waiting = [asyncio.create_task(keys.key("k2", "ES256")) for _ in range(20)]
    await until(lambda: len(provider.asked) == 2)
    provider.gate.set()

    assert {key.kid for key in await asyncio.gather(*waiting)} == {"k2"}
    assert len(provider.asked) == 2


@proves("S135", "accepts", "key rotation")
async def test_a_new_key_is_found_at_once(provider: Provider, signer: Signer) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, FakeClock())
    await keys.start()
    generation = keys.generation
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)

    assert (await keys.key("k2", "ES256")).kid == "k2"
    assert keys.generation == generation + 1


@proves("S135", "refuses", "key rotation")
async def test_a_withdrawn_key_is_refused_after_the_cache_lifetime(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    provider.publish(signer.jwk)
    issuer = TrustedIssuer(
        issuer=provider.url,
        audience=RESOURCE,
        algorithms=("ES256",),
        jwks_uri=f"{provider.url}/keys",
    )
    verifier = Verifier([issuer], clock=time, cache_ttl=10_000)
    token = signer.token(claims(iss=provider.url, exp=NOW + 4000))
    await come_twice(verifier, token)
    provider.publish(Signer("ES256", "k2").jwk)

    time.now += 299
    assert verifier.recall(token) is not None
    time.now += 1
    # Remembered tokens too: none outlives the time for which its key was believed.
    assert verifier.recall(token) is None
    with pytest.raises(UnknownKey):
        await verifier.verify(token)
