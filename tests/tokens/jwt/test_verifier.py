"""The verifier: algorithms, keys, and tokens that only look valid."""

import hashlib
import hmac
from collections.abc import Callable
from functools import cache

import pytest

from doorward.errors import (
    BadSignature,
    MalformedToken,
    TokenRejected,
    UnknownIssuer,
    UnknownKey,
    WrongAlgorithm,
    WrongType,
)
from doorward.testing import BAD_TOKENS, BadToken, PrivateKey, SigningAlgorithm, TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.jwt.verifiers import keys, make_verifier
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


@proves("S125", "accepts", "key confusion")
@pytest.mark.parametrize("kind", ALGORITHMS)
async def test_a_token_is_verified_with_every_algorithm(kind: str) -> None:
    signer = Signer(kind)
    identity = await make_verifier(signer).verify(signer.token())

    assert identity.key == (ISSUER, "alice")
    assert identity.client_id == "client-1"
    assert identity.scopes == {"mcp:read", "mcp:tools"}
    assert identity.expires_at == NOW + 600
    assert identity.token_id == "t-1"
    assert identity.kind == "person"
    assert identity.claims["aud"] == RESOURCE


@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize("kind", ALGORITHMS)
@pytest.mark.parametrize("other", ["alg", "signature", "message", "short", "long", "zeros", "ones"])
async def test_a_wrong_signature_or_algorithm_is_refused(kind: str, other: str) -> None:
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
        # The same key with another algorithm in the header.
        head = b64(dumps(signer.header(alg="PS256" if kind != "PS256" else "RS256"))).encode()
    with pytest.raises(TokenRejected) as refusal:
        await make_verifier(signer).verify(b".".join((head, payload, b64(changed).encode())))

    assert refusal.value.code == ("wrong-algorithm" if other == "alg" else "bad-signature")


@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", "HS256", "es256", "ES256K"])
async def test_an_algorithm_that_is_not_pinned_is_refused(signer: Signer, alg: str) -> None:
    token = signer.token(header=signer.header(alg=alg))
    with pytest.raises(WrongAlgorithm):
        await make_verifier(signer).verify(token)


@proves("S125", "refuses", "key confusion")
async def test_a_public_key_is_not_accepted_as_an_hmac_secret() -> None:
    mint = TokenMint(ISSUER, RESOURCE, algorithm="RS256", clock=FakeClock())
    message = f"{b64(dumps(mint.header(alg='HS256')))}.{b64(dumps(mint.claims()))}"
    forged = hmac.new(mint.key.public_pem(), message.encode(), hashlib.sha256).digest()
    trusted = TrustedIssuer(
        issuer=ISSUER, audience=RESOURCE, algorithms=("RS256",), keys=keys(*mint.jwks()["keys"])
    )
    with pytest.raises(WrongAlgorithm):
        await Verifier([trusted], clock=FakeClock()).verify(f"{message}.{b64(forged)}".encode())


@proves("S125", "refuses", "key confusion")
@pytest.mark.parametrize(
    "kid",
    ["../../../dev/null", "k1' OR '1'='1", "https://evil.example/keys", "K1", "k1 ", "k1\x00", "", "/etc/passwd", "file:///dev/null", "k" * 512],
)  # fmt: skip
async def test_a_kid_that_matches_no_key_exactly_is_refused(signer: Signer, kid: str) -> None:
    with pytest.raises(UnknownKey) as refusal:
        await make_verifier(signer).verify(signer.token(header=signer.header(kid=kid)))

    assert refusal.value.status == 401


@cache
def signing_key(algorithm: SigningAlgorithm) -> PrivateKey:
    return PrivateKey.generate(algorithm)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
@pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
async def test_every_named_bad_token_is_refused(algorithm: SigningAlgorithm, bad: BadToken) -> None:
    mint = TokenMint(key=signing_key(algorithm), clock=FakeClock())
    trusted = TrustedIssuer(
        issuer=mint.issuer,
        audience=str(mint.audience),
        algorithms=(algorithm,),
        keys=LocalKeys(mint.jwks, clock=FakeClock()),
    )
    verifier = Verifier([trusted], clock=FakeClock())
    await verifier.verify(mint.mint().encode())

    with pytest.raises(TokenRejected) as refusal:
        await verifier.verify(bad.make(mint).encode())

    assert (refusal.value.status, refusal.value.wire_error) == (401, "invalid_token")


@proves("S128", "refuses", "typ must be at+jwt")
@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "dpop+jwt", "oauth-id-jag+jwt", None])
async def test_a_genuine_token_of_another_type_is_refused(signer: Signer, typ: str | None) -> None:
    with pytest.raises(WrongType):
        await make_verifier(signer).verify(signer.token(header=signer.header(typ=typ)))


@proves("S128", "accepts", "typ must be at+jwt")
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
async def test_typ_is_a_case_insensitive_media_type(signer: Signer, typ: str) -> None:
    await make_verifier(signer).verify(signer.token(header=signer.header(typ=typ)))


@proves("S133", "refuses", "payload is an object")
@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"null", b"1", b"", b"[{}]"])
async def test_a_payload_that_is_not_an_object_is_refused(signer: Signer, payload: bytes) -> None:
    with pytest.raises(MalformedToken):
        await make_verifier(signer).verify(signer.token(payload))


@proves("S127", "refuses", "crit, zip and encryption")
async def test_a_nested_token_is_refused(signer: Signer) -> None:
    for header in (signer.header(cty="JWT"), signer.header()):
        with pytest.raises(MalformedToken):
            await make_verifier(signer).verify(signer.token(signer.token(), header))


@proves("S132", "refuses", "strict encodings")
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
async def test_ambiguous_or_malformed_claims_are_refused(
    signer: Signer, payload: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(MalformedToken):
        await make_verifier(signer).verify(signer.token(payload(dumps(claims()))))


@proves("S129", "accepts", "issuer and its own keys")
@proves("S129", "refuses", "issuer and its own keys")
async def test_the_key_of_one_issuer_verifies_no_token_of_another() -> None:
    one, other = Signer("ES256", "one"), Signer("ES256", "other")
    there = "https://other.example"
    verifier = Verifier(
        [
            TrustedIssuer(
                issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), keys=keys(one.jwk)
            ),
            TrustedIssuer(
                issuer=there, audience=RESOURCE, algorithms=("ES256",), keys=keys(other.jwk)
            ),
        ],
        clock=FakeClock(),
    )
    assert (await verifier.verify(one.token())).issuer == ISSUER
    assert (await verifier.verify(other.token(claims(iss=there)))).issuer == there

    with pytest.raises(UnknownKey):
        await verifier.verify(other.token())
    with pytest.raises(BadSignature):
        await verifier.verify(other.token(header=other.header(kid="one")))
    with pytest.raises(UnknownKey):
        await verifier.verify(one.token(claims(iss=there)))


@proves("S129", "refuses", "issuer and its own keys")
@pytest.mark.parametrize("iss", [ISSUER + "/", "https://evil.example", None, 1, [ISSUER], {}, ...])
async def test_an_untrusted_issuer_is_refused(signer: Signer, iss: object) -> None:
    with pytest.raises(UnknownIssuer):
        await make_verifier(signer).verify(signer.token(claims(iss=iss)))


async def test_without_a_kid_the_only_matching_key_is_used(signer: Signer) -> None:
    rsa = rsa_jwk(rsa_key(), kid="r1", use="sig")
    token = signer.token(header=signer.header(kid=None))
    verifier = make_verifier(signer, signer.jwk, rsa, algorithms=("ES256", "RS256"))
    assert (await verifier.verify(token)).subject == "alice"

    second = Signer("ES256", "k2")
    with pytest.raises(UnknownKey):
        await make_verifier(signer, signer.jwk, second.jwk).verify(token)


async def test_a_key_with_an_alg_verifies_no_other_algorithm() -> None:
    jwk = rsa_jwk(rsa_key(), kid="k1", alg="RS256")
    verifier = make_verifier(Signer("PS256"), jwk, algorithms=("RS256", "PS256"))
    await verifier.verify(Signer("RS256").token())
    with pytest.raises(UnknownKey):
        await verifier.verify(Signer("PS256").token())


async def test_a_refusal_does_not_contain_the_token(signer: Signer) -> None:
    verifier = make_verifier(signer)
    token = signer.token(claims(aud="https://other.example"))
    with pytest.raises(TokenRejected) as refusal:
        await verifier.verify(token)

    told = f"{refusal.value} {refusal.value.detail} {refusal.value.public} {refusal.value!r}"
    assert not any(part.decode() in told for part in token.split(b"."))
    assert "https://other.example" in refusal.value.detail
    assert RESOURCE in refusal.value.detail


async def test_a_token_whose_subject_is_its_client_is_a_service(signer: Signer) -> None:
    identity = await make_verifier(signer).verify(signer.token(claims(sub="client-1")))
    assert identity.kind == "service"
