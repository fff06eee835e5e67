"""The verifier's cache: what it keeps, and when it drops it."""

from typing import Any

import pytest

from doorward.errors import KeysUnavailable, TokenRejected, UnknownKey
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from doorward.tokens.jwt.key_source import KeySource
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.jwt.verifiers import come_twice, keys, make_verifier
from tests.tokens.signer import ISSUER, NOW, RESOURCE, Signer, claims


async def test_a_token_is_cached_at_its_second_use(signer: Signer) -> None:
    verifier = make_verifier(signer)
    token = signer.token()

    first = await verifier.verify(token)
    assert verifier.recall(token) is None
    second = await verifier.verify(token)

    assert verifier.recall(token) == second == first
    assert hash(second) == hash(first)


async def test_tokens_used_once_evict_no_cached_token(signer: Signer) -> None:
    verifier = make_verifier(signer, cache_entries=100)
    token = signer.token()
    await come_twice(verifier, token)

    for number in range(400):
        await verifier.verify(signer.token(claims(jti=f"t-{number}")))
        assert verifier.recall(token) is not None


async def test_a_verified_token_is_cached_until_it_expires(signer: Signer) -> None:
    time = FakeClock()
    verifier = make_verifier(signer, clock=time, cache_ttl=1000, leeway=0)
    token = signer.token()
    assert verifier.recall(token) is None
    identity = await come_twice(verifier, token)
    assert verifier.recall(token) == identity

    time.now = NOW + 599.9
    assert verifier.recall(token) == identity
    time.now = NOW + 600
    assert verifier.recall(token) is None
    with pytest.raises(TokenRejected):
        await verifier.verify(token)


async def test_a_verified_token_is_cached_no_longer_than_the_cache_ttl(signer: Signer) -> None:
    time = FakeClock()
    verifier = make_verifier(signer, clock=time, cache_ttl=60)
    token = signer.token()
    await come_twice(verifier, token)
    time.now += 59
    assert verifier.recall(token)
    time.now += 1
    assert verifier.recall(token) is None


@pytest.mark.parametrize("options", [{"cache_ttl": 0}, {"cache_entries": 0}])
async def test_nothing_is_cached_when_the_cache_is_off(
    signer: Signer, options: dict[str, Any]
) -> None:
    verifier = make_verifier(signer, **options)
    token = signer.token()
    await come_twice(verifier, token)
    assert verifier.recall(token) is None


async def test_the_cache_is_bounded_and_stores_no_token_in_clear(signer: Signer) -> None:
    verifier = make_verifier(signer, cache_entries=2)
    tokens = [signer.token(claims(jti=f"t-{n}")) for n in range(3)]
    for token in tokens:
        await come_twice(verifier, token)

    assert [verifier.recall(token) is None for token in tokens] == [True, False, False]
    kept = repr(verifier._cache._entries)
    assert not any(part.decode() in kept for token in tokens for part in token.split(b"."))


async def test_a_refusal_is_not_cached(signer: Signer) -> None:
    verifier = make_verifier(signer)
    for _ in range(2):
        with pytest.raises(TokenRejected):
            await verifier.verify(signer.token(claims(aud="x")))
    assert len(verifier._cache) == 0


@proves("S135", "accepts", "key rotation")
@proves("S135", "refuses", "key rotation")
async def test_a_new_key_is_accepted_at_once_and_a_withdrawn_key_is_refused(signer: Signer) -> None:
    time, published = FakeClock(), [signer.jwk]
    trusted = TrustedIssuer(
        issuer=ISSUER,
        audience=RESOURCE,
        algorithms=("ES256",),
        keys=LocalKeys(lambda: {"keys": published}, clock=time, recheck=1.0),
    )
    verifier = Verifier([trusted], clock=time)
    old = signer.token()
    await come_twice(verifier, old)
    assert verifier.recall(old) is not None

    successor = Signer("ES256", "k2")
    published.append(successor.jwk)
    assert (await verifier.verify(successor.token())).subject == "alice"

    published.remove(signer.jwk)
    time.now += 1
    assert verifier.recall(old) is None
    with pytest.raises(UnknownKey):
        await verifier.verify(old)


async def test_the_header_cache_is_bounded(signer: Signer) -> None:
    verifier = make_verifier(signer)
    for n in range(300):
        with pytest.raises(TokenRejected):
            await verifier.verify(signer.token(header=signer.header(kid=f"x{n}")))
    assert len(verifier._headers) <= 256


class Changing:
    """Keys that change while a token is being verified with the old ones."""

    def __init__(self, inner: LocalKeys) -> None:
        self.inner = inner
        self.generation = 0
        self.trusted_until = float("inf")

    async def start(self) -> None:
        raise KeysUnavailable("never asked")

    def known(self, kid: str | None, algorithm: str) -> Any:
        key = self.inner.known(kid, algorithm)
        self.generation += 1
        return key

    async def key(self, kid: str | None, algorithm: str) -> Any:
        raise KeysUnavailable("never asked")


async def test_a_token_verified_while_the_keys_changed_is_not_cached(signer: Signer) -> None:
    source: KeySource = Changing(keys(signer.jwk))
    trusted = TrustedIssuer(issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), keys=source)
    verifier = Verifier([trusted], clock=FakeClock())
    token = signer.token()
    await come_twice(verifier, token)

    assert verifier.recall(token) is None


async def test_closing_the_verifier_clears_its_cache(signer: Signer) -> None:
    verifier = make_verifier(signer)
    await verifier.start()
    token = signer.token()
    await come_twice(verifier, token)
    assert verifier.recall(token) is not None
    await verifier.aclose()
    assert verifier.recall(token) is None
