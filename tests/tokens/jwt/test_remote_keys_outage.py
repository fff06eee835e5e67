"""Remote keys: how long they are used, also during an outage."""

import asyncio

import pytest
import structlog

from doorward.errors import KeysUnavailable
from doorward.tokens import TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.provider import Provider, remote, started, until
from tests.tokens.signer import NOW, RESOURCE, Signer, claims


@proves("S77", "accepts", "document cache")
@pytest.mark.parametrize(
    ("header", "life"),
    [
        ("", 300),
        ("Cache-Control: max-age=600\r\n", 600),
        ("Cache-Control: max-age=1\r\n", 60),
        ("Cache-Control: no-store\r\n", 60),
        ("Cache-Control: max-age=99999999\r\n", 3600),
    ],
)
async def test_keys_are_cached_for_their_max_age_within_bounds(
    provider: Provider, signer: Signer, header: str, life: float
) -> None:
    time = FakeClock()
    provider.publish(signer.jwk)
    provider.headers = header
    keys = remote(provider, time)
    await keys.start()
    generation = keys.generation

    time.now += life - 0.1
    assert keys.known("k1", "ES256") is not None
    time.now += 0.1
    assert keys.known("k1", "ES256") is None
    await keys.key("k1", "ES256")
    assert len(provider.asked) == 2
    # The same keys again: what was verified with them stays verified.
    assert keys.generation == generation


@proves("S134", "accepts", "key fetching is bounded")
@proves("S134", "refuses", "key fetching is bounded")
async def test_cached_keys_are_used_for_a_limited_time_during_an_outage(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(
        provider, signer, time, default_age=300, stale_if_error=3600, retry_interval=5
    )
    provider.status = "500 Oops"

    time.now += 300
    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert keys.known("k1", "ES256") is not None
    assert len(provider.asked) == 2
    time.now += 5
    assert keys.known("k1", "ES256") is None
    await keys.key("k1", "ES256")
    await until(lambda: len(provider.asked) == 3)

    # A key outside the old set can be a new one, so its token is not refused as invalid.
    with pytest.raises(KeysUnavailable):
        await keys.key("k2", "ES256")

    time.now = NOW + 3900
    with pytest.raises(KeysUnavailable) as refusal:
        await keys.key("k1", "ES256")
    assert refusal.value.status == 503


async def test_a_cached_key_is_used_without_waiting_for_an_issuer_that_hangs(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time)
    provider.status = "500 Oops"
    time.now += 300
    await keys.key("k1", "ES256")

    time.now += 5
    provider.gate.clear()
    for _ in range(20):
        assert (await keys.key("k1", "ES256")).kid == "k1"
    await until(lambda: len(provider.asked) == 3)
    provider.status = "200 OK"
    provider.gate.set()
    # What was asked behind the old key's back is believed as any other answer.
    await until(lambda: keys.problem is None)
    assert keys.known("k1", "ES256") is not None
    assert len(provider.asked) == 3


async def test_an_issuer_that_recovers_is_used_again(provider: Provider, signer: Signer) -> None:
    time = FakeClock()
    provider.publish(signer.jwk)
    provider.status = "500 Oops"
    keys = remote(provider, time, retry_interval=5)
    await keys.start()
    provider.status = "200 OK"
    time.now += 5
    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert keys.problem is None


@proves("S134", "refuses", "key fetching is bounded")
async def test_an_issuer_that_is_down_at_start_up_is_retried_after_a_pause(
    provider: Provider, signer: Signer
) -> None:
    time = FakeClock()
    keys = remote(provider, time, retry_interval=5)
    with structlog.testing.capture_logs() as logs:
        await keys.start()
    assert [entry["event"] for entry in logs] == ["issuer-keys-unavailable"]
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as refusal:
            await keys.key("k1", "ES256")
    assert len(provider.asked) == 1
    assert refusal.value.code == "keys-unavailable"

    provider.publish(signer.jwk)
    time.now += 5
    assert (await keys.key("k1", "ES256")).kid == "k1"


async def test_an_issuer_that_is_down_does_not_affect_other_issuers(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    up = TrustedIssuer(
        issuer=provider.url,
        audience=RESOURCE,
        algorithms=("ES256",),
        jwks_uri=f"{provider.url}/keys",
    )
    down = TrustedIssuer(
        issuer="http://localhost:1",
        audience=RESOURCE,
        algorithms=("ES256",),
    )
    judge = Verifier([up, down], clock=FakeClock())
    await judge.start()

    assert (await judge.verify(signer.token(claims(iss=up.issuer)))).subject == "alice"
    with pytest.raises(KeysUnavailable):
        await judge.verify(signer.token(claims(iss=down.issuer)))


async def test_closing_a_verifier_cancels_the_fetch_in_flight(
    provider: Provider,
) -> None:
    provider.gate.clear()
    slow = TrustedIssuer(issuer=provider.url, audience=RESOURCE, jwks_uri=f"{provider.url}/keys")
    judge = Verifier([slow], clock=FakeClock())
    before = asyncio.all_tasks()
    starting = asyncio.create_task(judge.start())
    await until(lambda: bool(provider.asked))

    # As the lifespan of a server does: it cancels the waiting task first.
    starting.cancel()
    await judge.aclose()

    left = asyncio.all_tasks() - before - {starting}
    provider.gate.set()
    assert {task for task in left if "_awaited" in repr(task.get_coro())} == set()
