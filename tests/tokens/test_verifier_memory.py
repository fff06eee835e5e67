"""What a verifier remembers, and when it forgets it."""

from typing import Any

import pytest

from doorward.errors import KeysUnavailable, TokenRejected, UnknownKey
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from doorward.tokens.jwt.key_source import KeySource
from tests.ledger import proves
from tests.tokens.clock import Time
from tests.tokens.signer import ISSUER, NOW, RESOURCE, Signer, claims
from tests.tokens.verifiers import come_twice, keys, verifier


async def test_a_token_is_remembered_when_it_comes_for_the_second_time(signer: Signer) -> None:
    judge = verifier(signer)
    token = signer.token()

    first = await judge.verify(token)
    assert judge.recall(token) is None
    second = await judge.verify(token)

    assert judge.recall(token) == second == first
    assert hash(second) == hash(first)


async def test_tokens_that_come_once_push_nobody_out(signer: Signer) -> None:
    judge = verifier(signer, cache_entries=100)
    token = signer.token()
    await come_twice(judge, token)

    for number in range(400):
        await judge.verify(signer.token(claims(jti=f"t-{number}")))
        assert judge.recall(token) is not None


async def test_a_verified_token_is_recalled_until_it_is_over(signer: Signer) -> None:
    time = Time()
    judge = verifier(signer, clock=time, cache_ttl=1000, leeway=0)
    token = signer.token()
    assert judge.recall(token) is None
    identity = await come_twice(judge, token)
    assert judge.recall(token) == identity

    time.now = NOW + 599.9
    assert judge.recall(token) == identity
    time.now = NOW + 600
    assert judge.recall(token) is None
    with pytest.raises(TokenRejected):
        await judge.verify(token)


async def test_a_verified_token_is_recalled_for_no_longer_than_asked(signer: Signer) -> None:
    time = Time()
    judge = verifier(signer, clock=time, cache_ttl=60)
    token = signer.token()
    await come_twice(judge, token)
    time.now += 59
    assert judge.recall(token)
    time.now += 1
    assert judge.recall(token) is None


@pytest.mark.parametrize("options", [{"cache_ttl": 0}, {"cache_entries": 0}])
async def test_nothing_is_recalled_when_remembering_is_off(
    signer: Signer, options: dict[str, Any]
) -> None:
    judge = verifier(signer, **options)
    token = signer.token()
    await come_twice(judge, token)
    assert judge.recall(token) is None


async def test_at_most_so_many_tokens_are_remembered_and_none_in_clear(signer: Signer) -> None:
    judge = verifier(signer, cache_entries=2)
    tokens = [signer.token(claims(jti=f"t-{n}")) for n in range(3)]
    for token in tokens:
        await come_twice(judge, token)

    assert [judge.recall(token) is None for token in tokens] == [True, False, False]
    kept = repr(judge._remembered._entries)
    assert not any(part.decode() in kept for token in tokens for part in token.split(b"."))


async def test_a_refusal_is_not_remembered_as_anything(signer: Signer) -> None:
    judge = verifier(signer)
    for _ in range(2):
        with pytest.raises(TokenRejected):
            await judge.verify(signer.token(claims(aud="x")))
    assert len(judge._remembered) == 0


@proves("S135", "accepts")
@proves("S135", "refuses")
async def test_a_new_key_works_at_once_and_a_withdrawn_one_stops(signer: Signer) -> None:
    time, published = Time(), [signer.jwk]
    trusted = TrustedIssuer(
        issuer=ISSUER,
        audience=RESOURCE,
        algorithms=("ES256",),
        keys=LocalKeys(lambda: {"keys": published}, clock=time, recheck=1.0),
    )
    judge = Verifier([trusted], clock=time)
    old = signer.token()
    await come_twice(judge, old)
    assert judge.recall(old) is not None

    successor = Signer("ES256", "k2")
    published.append(successor.jwk)
    assert (await judge.verify(successor.token())).subject == "alice"

    published.remove(signer.jwk)
    time.now += 1
    assert judge.recall(old) is None
    with pytest.raises(UnknownKey):
        await judge.verify(old)


async def test_headers_seen_are_remembered_up_to_a_bound(signer: Signer) -> None:
    judge = verifier(signer)
    for n in range(300):
        with pytest.raises(TokenRejected):
            await judge.verify(signer.token(header=signer.header(kid=f"x{n}")))
    assert len(judge._headers) <= 256


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


async def test_a_token_verified_while_the_keys_changed_is_not_remembered(signer: Signer) -> None:
    source: KeySource = Changing(keys(signer.jwk))
    trusted = TrustedIssuer(issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), keys=source)
    judge = Verifier([trusted], clock=Time())
    token = signer.token()
    await come_twice(judge, token)

    assert judge.recall(token) is None


async def test_closing_forgets_every_token(signer: Signer) -> None:
    judge = verifier(signer)
    await judge.start()
    token = signer.token()
    await come_twice(judge, token)
    assert judge.recall(token) is not None
    await judge.aclose()
    assert judge.recall(token) is None
