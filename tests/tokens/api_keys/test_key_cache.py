"""Cached API keys, and how quickly a revoked one is forgotten."""

import dataclasses

import pytest

from doorward.errors import MalformedToken
from doorward.tokens import ApiKeyList, CredentialVerifier
from doorward.tokens.refusals import ApiKeyExpired, ApiKeyRevoked
from tests.tokens.api_keys.api_keys import KEPT, KEY
from tests.tokens.clock import FakeClock
from tests.tokens.signer import NOW


async def test_a_verified_key_is_cached_until_it_expires() -> None:
    time = FakeClock()
    verifier = CredentialVerifier(api_keys=ApiKeyList([KEPT]), clock=time, cache_ttl=1e6)

    assert verifier.recall(KEY.encode()) is None
    verified = await verifier.verify(KEY.encode())

    assert verifier.recall(KEY.encode()) == verified
    assert await verifier.verify(KEY.encode()) == verified
    time.now = NOW + 3600
    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyExpired):
        await verifier.verify(KEY.encode())


async def test_replacing_the_key_list_evicts_a_revoked_key() -> None:
    keys = ApiKeyList([KEPT])
    verifier = CredentialVerifier(api_keys=keys, clock=FakeClock())
    await verifier.verify(KEY.encode())

    keys.replace([dataclasses.replace(KEPT, revoked_at=NOW)])

    assert verifier.recall(KEY.encode()) is None
    with pytest.raises(ApiKeyRevoked):
        await verifier.verify(KEY.encode())


async def test_a_cache_ttl_of_zero_caches_no_key() -> None:
    verifier = CredentialVerifier(api_keys=ApiKeyList([KEPT]), clock=FakeClock(), cache_ttl=0)

    await verifier.verify(KEY.encode())

    assert verifier.recall(KEY.encode()) is None


async def test_a_key_is_refused_without_a_lookup_where_api_keys_are_not_accepted() -> None:
    from tests.tokens.stub_issuer import StubIssuer, opaque

    stub = StubIssuer()
    verifier = CredentialVerifier([opaque()], fetcher=stub, clock=FakeClock())

    with pytest.raises(MalformedToken):
        await verifier.verify(KEY.encode())

    assert stub.requests == []
