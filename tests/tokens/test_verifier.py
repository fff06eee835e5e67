"""The whole way of a token: from bytes to an identity or a refusal."""

import hashlib
import hmac
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from doorward.errors import (
    BadSignature,
    ConfigurationError,
    KeysUnavailable,
    MalformedToken,
    TokenRejected,
    UnknownIssuer,
    UnknownKey,
    WrongAlgorithm,
    WrongType,
)
from doorward.testing import BAD_TOKENS, Algorithm, BadToken, SigningKey, TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from doorward.tokens.source import KeySource
from tests.ledger import proves
from tests.tokens.signer import (
    ALGORITHMS,
    ISSUER,
    NOW,
    RESOURCE,
    Signer,
    b64,
    claims,
    dumps,
    rsa_jwk,
    rsa_key,
)


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


def keys(*jwks: dict[str, Any], clock: Callable[[], float] | None = None) -> LocalKeys:
    return LocalKeys(lambda: {"keys": list(jwks)}, clock=clock or Time())


def verifier(
    signer: Signer, *jwks: dict[str, Any], algorithms: tuple[str, ...] = (), **options: Any
) -> Verifier:
    trusted = TrustedIssuer(
        issuer=ISSUER,
        audience=RESOURCE,
        algorithms=algorithms or (signer.alg,),
        keys=keys(*(jwks or (signer.jwk,))),
    )
    return Verifier([trusted], **{"clock": Time(), **options})


@pytest.fixture
def signer() -> Signer:
    return Signer("ES256")


@proves("S125", "accepts")
@pytest.mark.parametrize("kind", ALGORITHMS)
async def test_a_token_is_verified_in_every_algorithm(kind: str) -> None:
    signer = Signer(kind)
    identity = await verifier(signer).verify(signer.token())

    assert identity.key == (ISSUER, "alice")
    assert identity.client_id == "client-1"
    assert identity.scopes == {"mcp:read", "mcp:tools"}
    assert identity.expires_at == NOW + 600
    assert identity.token_id == "t-1"
    assert identity.kind == "person"
    assert identity.claims["aud"] == RESOURCE


@proves("S125", "refuses")
@pytest.mark.parametrize("kind", ALGORITHMS)
@pytest.mark.parametrize("other", ["alg", "signature", "message", "short", "long", "zeros", "ones"])
async def test_a_signature_of_anything_else_is_refused(kind: str, other: str) -> None:
    signer = Signer(kind)
    token = signer.token()
    head, payload, _signature = token.split(b".")
    raw = signer.sign_bytes(head + b"." + payload)
    changed = {
        "alg": lambda: raw,
        "signature": lambda: bytes([raw[0] ^ 1]) + raw[1:],
        "message": lambda: signer.sign_bytes(head + b"." + payload + b"x"),
        "short": lambda: raw[:-1],
        "long": lambda: raw + b"\0",
        "zeros": lambda: bytes(len(raw)),
        "ones": lambda: b"\xff" * len(raw),
    }[other]()
    if other == "alg":
        # The same key under its brother's name.
        head = b64(dumps(signer.header(alg="PS256" if kind != "PS256" else "RS256"))).encode()
    with pytest.raises(TokenRejected) as refusal:
        await verifier(signer).verify(b".".join((head, payload, b64(changed).encode())))

    assert refusal.value.code == ("wrong-algorithm" if other == "alg" else "bad-signature")


@proves("S125", "refuses")
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", "HS256", "es256", "ES256K"])
async def test_an_algorithm_that_is_not_pinned_is_refused(signer: Signer, alg: str) -> None:
    token = signer.token(header=signer.header(alg=alg))
    with pytest.raises(WrongAlgorithm):
        await verifier(signer).verify(token)


@proves("S125", "refuses")
async def test_a_public_key_is_no_shared_secret() -> None:
    mint = TokenMint(ISSUER, RESOURCE, algorithm="RS256", clock=Time())
    message = f"{b64(dumps(mint.header(alg='HS256')))}.{b64(dumps(mint.claims()))}"
    forged = hmac.new(mint.key.public_pem(), message.encode(), hashlib.sha256).digest()
    trusted = TrustedIssuer(
        issuer=ISSUER, audience=RESOURCE, algorithms=("RS256",), keys=keys(*mint.jwks()["keys"])
    )
    with pytest.raises(WrongAlgorithm):
        await Verifier([trusted], clock=Time()).verify(f"{message}.{b64(forged)}".encode())


@proves("S125", "refuses")
@pytest.mark.parametrize(
    "kid",
    ["../../../dev/null", "k1' OR '1'='1", "https://evil.example/keys", "K1", "k1 ", "k1\x00", "", "/etc/passwd", "file:///dev/null", "k" * 512],
)  # fmt: skip
async def test_a_kid_is_only_ever_compared(signer: Signer, kid: str) -> None:
    with pytest.raises(UnknownKey) as refusal:
        await verifier(signer).verify(signer.token(header=signer.header(kid=kid)))

    assert refusal.value.status == 401


@cache
def signing_key(algorithm: Algorithm) -> SigningKey:
    return SigningKey.generate(algorithm)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
@pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
async def test_every_bad_token_that_has_a_name_is_refused(
    algorithm: Algorithm, bad: BadToken
) -> None:
    mint = TokenMint(key=signing_key(algorithm), clock=Time())
    trusted = TrustedIssuer(
        issuer=mint.issuer,
        audience=str(mint.audience),
        algorithms=(algorithm,),
        keys=LocalKeys(mint.jwks, clock=Time()),
    )
    judge = Verifier([trusted], clock=Time())
    await judge.verify(mint.mint().encode())

    with pytest.raises(TokenRejected) as refusal:
        await judge.verify(bad.make(mint).encode())

    assert (refusal.value.status, refusal.value.wire_error) == (401, "invalid_token")


@proves("S128", "refuses")
@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "dpop+jwt", "oauth-id-jag+jwt", None])
async def test_a_genuine_token_of_another_type_is_refused(signer: Signer, typ: str | None) -> None:
    with pytest.raises(WrongType):
        await verifier(signer).verify(signer.token(header=signer.header(typ=typ)))


@proves("S128", "accepts")
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
async def test_the_type_is_a_media_type_and_case_says_nothing(signer: Signer, typ: str) -> None:
    await verifier(signer).verify(signer.token(header=signer.header(typ=typ)))


@proves("S133", "refuses")
@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"null", b"1", b"", b"[{}]"])
async def test_a_payload_that_is_no_object_is_refused(signer: Signer, payload: bytes) -> None:
    with pytest.raises(MalformedToken):
        await verifier(signer).verify(signer.token(payload))


@proves("S127", "refuses")
async def test_a_token_inside_a_token_is_refused(signer: Signer) -> None:
    for header in (signer.header(cty="JWT"), signer.header()):
        with pytest.raises(MalformedToken):
            await verifier(signer).verify(signer.token(signer.token(), header))


@proves("S132", "refuses")
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(lambda good: b"\xef\xbb\xbf" + good, id="bom"),
        pytest.param(lambda good: good.decode().encode("utf-16"), id="utf-16"),
        pytest.param(lambda good: good[:-1] + b',"sub":"admin"}', id="member-twice"),
        pytest.param(lambda good: good[:-1] + b',"x":NaN}', id="nan"),
        pytest.param(lambda good: good + b"\x00", id="trailing-nul"),
    ],
)
async def test_claims_that_two_readers_read_differently_are_refused(
    signer: Signer, payload: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(MalformedToken):
        await verifier(signer).verify(signer.token(payload(dumps(claims()))))


@proves("S129", "accepts")
@proves("S129", "refuses")
async def test_the_key_of_one_issuer_does_not_sign_for_another() -> None:
    one, other = Signer("ES256", "one"), Signer("ES256", "other")
    there = "https://other.example"
    judge = Verifier(
        [
            TrustedIssuer(
                issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), keys=keys(one.jwk)
            ),
            TrustedIssuer(
                issuer=there, audience=RESOURCE, algorithms=("ES256",), keys=keys(other.jwk)
            ),
        ],
        clock=Time(),
    )
    assert (await judge.verify(one.token())).issuer == ISSUER
    assert (await judge.verify(other.token(claims(iss=there)))).issuer == there

    with pytest.raises(UnknownKey):
        await judge.verify(other.token())
    with pytest.raises(BadSignature):
        await judge.verify(other.token(header=other.header(kid="one")))
    with pytest.raises(UnknownKey):
        await judge.verify(one.token(claims(iss=there)))


@proves("S129", "refuses")
@pytest.mark.parametrize("iss", [ISSUER + "/", "https://evil.example", None, 1, [ISSUER], {}, ...])
async def test_an_issuer_that_nobody_trusts_is_refused(signer: Signer, iss: object) -> None:
    with pytest.raises(UnknownIssuer):
        await verifier(signer).verify(signer.token(claims(iss=iss)))


async def test_without_a_kid_the_only_fitting_key_is_used(signer: Signer) -> None:
    rsa = rsa_jwk(rsa_key(), kid="r1", use="sig")
    token = signer.token(header=signer.header(kid=None))
    judge = verifier(signer, signer.jwk, rsa, algorithms=("ES256", "RS256"))
    assert (await judge.verify(token)).subject == "alice"

    second = Signer("ES256", "k2")
    with pytest.raises(UnknownKey):
        await verifier(signer, signer.jwk, second.jwk).verify(token)


async def test_a_key_that_names_its_algorithm_serves_no_other() -> None:
    jwk = rsa_jwk(rsa_key(), kid="k1", alg="RS256")
    judge = verifier(Signer("PS256"), jwk, algorithms=("RS256", "PS256"))
    await judge.verify(Signer("RS256").token())
    with pytest.raises(UnknownKey):
        await judge.verify(Signer("PS256").token())


async def test_a_verified_token_is_recalled_until_it_is_over(signer: Signer) -> None:
    time = Time()
    judge = verifier(signer, clock=time, cache_ttl=1000, leeway=0)
    token = signer.token()
    assert judge.recall(token) is None
    identity = await judge.verify(token)
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
    await judge.verify(token)
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
    await judge.verify(token)
    assert judge.recall(token) is None


async def test_at_most_so_many_tokens_are_remembered_and_none_in_clear(signer: Signer) -> None:
    judge = verifier(signer, cache_entries=2)
    tokens = [signer.token(claims(jti=f"t-{n}")) for n in range(3)]
    for token in tokens:
        await judge.verify(token)

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
    await judge.verify(old)

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


async def test_no_refusal_carries_the_token(signer: Signer) -> None:
    judge = verifier(signer)
    token = signer.token(claims(aud="https://other.example"))
    with pytest.raises(TokenRejected) as refusal:
        await judge.verify(token)

    told = f"{refusal.value} {refusal.value.detail} {refusal.value.public} {refusal.value!r}"
    assert not any(part.decode() in told for part in token.split(b"."))
    assert "https://other.example" in refusal.value.detail
    assert RESOURCE in refusal.value.detail


async def test_a_token_without_a_person_is_a_service(signer: Signer) -> None:
    identity = await verifier(signer).verify(signer.token(claims(sub="client-1")))
    assert identity.kind == "service"


@proves("S134", "refuses")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": ""}, "undecided-audience"),
        ({"audience": ()}, "undecided-audience"),
        ({"audience": (RESOURCE, "")}, "undecided-audience"),
        ({"issuer": "http://issuer.example"}, "insecure-issuer"),
        ({"issuer": "issuer.example"}, "not-an-issuer"),
        ({"issuer": "https://issuer.example?x=1"}, "not-an-issuer"),
        ({"jwks_uri": "http://issuer.example/keys"}, "insecure-keys"),
        ({"jwks_uri": "file:///keys.json"}, "insecure-keys"),
        ({"jwks_uri": "keys.json"}, "insecure-keys"),
        ({"algorithms": ()}, "no-algorithms"),
        ({"algorithms": ("none",)}, "unknown-algorithm"),
        ({"algorithms": ("ES256", "HS256")}, "unknown-algorithm"),
        ({"algorithms": ("es256",)}, "unknown-algorithm"),
    ],
)
def test_an_issuer_that_is_not_decided_is_not_trusted(changes: dict[str, Any], reason: str) -> None:
    good: dict[str, Any] = {"issuer": ISSUER, "audience": RESOURCE}
    TrustedIssuer(**good)
    with pytest.raises(ConfigurationError) as refusal:
        TrustedIssuer(**{**good, **changes})

    assert refusal.value.reason == reason
    assert refusal.value.hint


def test_a_verifier_without_issuers_or_with_one_twice_is_not_made() -> None:
    one = TrustedIssuer(issuer=ISSUER, audience=RESOURCE)
    for issuers, reason in (([], "no-issuers"), ([one, one], "issuer-twice")):
        with pytest.raises(ConfigurationError) as refusal:
            Verifier(issuers)
        assert refusal.value.reason == reason


def test_what_is_trusted_can_be_told() -> None:
    judge = Verifier([TrustedIssuer(issuer=ISSUER, audience=RESOURCE)])
    (said,) = judge.describe()
    assert said["issuer"] == ISSUER
    assert said["audience"] == [RESOURCE]
    assert said["algorithms"] == ["ES256", "RS256"]
    assert said["profile"] == "rfc9068"


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
    await judge.verify(token)

    assert judge.recall(token) is None


async def test_closing_forgets_every_token(signer: Signer) -> None:
    judge = verifier(signer)
    await judge.start()
    token = signer.token()
    await judge.verify(token)
    await judge.aclose()
    assert judge.recall(token) is None
