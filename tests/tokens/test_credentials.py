"""JWTs and opaque tokens at one endpoint: how each is verified."""

from typing import Any

import pytest

from doorward.errors import (
    BadSignature,
    ConfigurationError,
    MalformedToken,
    OutsideLifetime,
    TokenRejected,
    UnknownIssuer,
    WrongAudience,
    WrongType,
)
from doorward.jose.compact import LONGEST_TOKEN
from doorward.tokens import CredentialVerifier, LocalKeys, TrustedIssuer
from tests.tokens.clock import FakeClock
from tests.tokens.opaque.opaque_verifier import opaque_verifier
from tests.tokens.signer import ISSUER as SIGNED_ISSUER
from tests.tokens.signer import Signer, b64, claims, dumps
from tests.tokens.stub_issuer import ISSUER, NOW, RESOURCE, TOKEN, StubIssuer, opaque

SIGNER = Signer("ES256")


SIGNED = TrustedIssuer(
    issuer=SIGNED_ISSUER,
    audience=RESOURCE,
    algorithms=("ES256",),
    keys=LocalKeys(lambda: {"keys": [SIGNER.jwk]}, clock=lambda: NOW),
)


def both(**options: Any) -> tuple[CredentialVerifier, StubIssuer]:
    stub = StubIssuer()
    return CredentialVerifier([SIGNED, opaque()], clock=FakeClock(), fetcher=stub, **options), stub


async def test_jwts_are_verified_locally_and_opaque_tokens_are_looked_up() -> None:
    verifier, stub = both()

    signed = await verifier.verify(SIGNER.token())
    looked_up = await verifier.verify(TOKEN)

    assert (signed.issuer, looked_up.issuer) == (SIGNED_ISSUER, ISSUER)
    assert len(stub.requests) == 1
    assert verifier.recall(SIGNER.token()) is None  # another signature, another token
    assert verifier.recall(TOKEN) == looked_up


def tampered() -> bytes:
    head, payload, signature = SIGNER.token().split(b".")
    return b".".join(
        [head, payload, signature[:-4] + (b"AAAA" if signature[-4:] != b"AAAA" else b"BBBB")]
    )


@pytest.mark.parametrize(
    ("token", "refusal"),
    [
        pytest.param(tampered(), BadSignature, id="forged"),
        pytest.param(
            SIGNER.token(claims(aud="https://other.example")), WrongAudience, id="audience"
        ),
        pytest.param(SIGNER.token(claims(exp=NOW - 60)), OutsideLifetime, id="over"),
        pytest.param(SIGNER.token(header=SIGNER.header(typ="JWT")), WrongType, id="id-token"),
        pytest.param(
            SIGNER.token(claims(iss="https://third.example")), UnknownIssuer, id="unknown"
        ),
        pytest.param(SIGNER.token(claims(iss=...)), UnknownIssuer, id="no-issuer"),
        pytest.param(SIGNER.token(claims(iss=7)), UnknownIssuer, id="issuer-is-a-number"),
        pytest.param(
            SIGNER.token(header={**SIGNER.header(), "jku": "https://evil.example"}),
            MalformedToken,
            id="brings-its-own-keys",
        ),
        pytest.param(SIGNER.token(b"not json"), MalformedToken, id="payload-is-no-json"),
        pytest.param(b64(dumps({"alg": "none"})).encode() + b".e30.", MalformedToken, id="none"),
    ],
)
async def test_a_refused_jwt_is_not_looked_up(token: bytes, refusal: type[TokenRejected]) -> None:
    verifier, stub = both()

    with pytest.raises(refusal):
        await verifier.verify(token)

    assert stub.requests == []


async def test_a_jwt_of_an_issuer_with_introspection_is_looked_up() -> None:
    verifier, stub = both()
    token = SIGNER.token(claims(iss=ISSUER))

    caller = await verifier.verify(token)

    assert caller.issuer == ISSUER
    assert stub.form()["token"] == token.decode()
    assert verifier.recall(token) == caller


async def test_a_jwt_of_an_untrusted_issuer_is_sent_to_no_issuer() -> None:
    verifier, stub = opaque_verifier()

    with pytest.raises(UnknownIssuer):
        await verifier.verify(SIGNER.token(claims(iss="https://bank.example")))

    assert stub.requests == []


@pytest.mark.parametrize("token", [b"a.b.c", b"a.b", b"a.b.c.d.e", b"ey.ey.ey", b"..", b"%"])
async def test_a_string_that_only_resembles_a_jwt_is_an_opaque_token(token: bytes) -> None:
    verifier, stub = both()

    await verifier.verify(token)

    assert stub.form()["token"] == token.decode()


@pytest.mark.parametrize("token", [b"a" * (LONGEST_TOKEN + 1), "ä".encode(), b"\xff"])
async def test_a_string_that_cannot_be_a_token_is_not_looked_up(token: bytes) -> None:
    verifier, stub = opaque_verifier()

    with pytest.raises(MalformedToken):
        await verifier.verify(token)

    assert stub.requests == []


def test_an_issuer_cannot_have_both_keys_and_introspection() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CredentialVerifier([SIGNED, opaque(issuer=SIGNED_ISSUER)])

    assert refusal.value.reason == "issuer-twice"
