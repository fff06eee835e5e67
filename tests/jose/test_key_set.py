"""An issuer's JWKS document, and which of its keys can verify tokens."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.jose.algorithm_names import SUPPORTED
from doorward.jose.key_set import InvalidKeySet, KeySet
from doorward.jose.public_key import MOST_KEYS, UnusableKey, read_key
from tests.ledger import proves
from tests.tokens.signer import ALGORITHMS, Signer, b64, ec_jwk, rsa_jwk, rsa_key

RSA = rsa_jwk(rsa_key(), kid="k1")


@proves("S135", "accepts", "key rotation")
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_public_key_of_every_algorithm_is_read(kind: str) -> None:
    signer = Signer(kind)
    key = read_key(signer.jwk)

    assert set(key.checks) == {signer.alg}
    assert key.verify(signer.alg, b"message", signer.sign_bytes(b"message"))
    assert not key.verify(signer.alg, b"massage", signer.sign_bytes(b"message"))
    assert not key.verify("none", b"message", b"")


def test_an_rsa_key_without_alg_supports_every_rsa_algorithm() -> None:
    assert set(read_key(RSA).checks) == {f"{kind}{size}" for kind in ("RS", "PS") for size in (256, 384, 512)}  # fmt: skip


@pytest.mark.parametrize("kind", ["ES256", "ES384", "ES512", "EdDSA", "Ed448"])
def test_a_curve_key_without_alg_supports_only_the_algorithm_of_its_curve(kind: str) -> None:
    signer = Signer(kind)
    del signer.jwk["alg"]
    assert set(read_key(signer.jwk).checks) == {signer.alg}


@proves("S134", "refuses", "key fetching is bounded")
@proves("S135", "refuses", "key rotation")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"d": "AQAB"}, id="private"),
        pytest.param({"p": "AQAB"}, id="private-prime"),
        pytest.param({"k": "c2VjcmV0"}, id="symmetric-member"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0"}, id="symmetric"),
        pytest.param({"use": "enc"}, id="for-encryption"),
        pytest.param({"use": 1}, id="use-of-another-type"),
        pytest.param({"key_ops": ["encrypt"]}, id="operations"),
        pytest.param({"key_ops": "verify"}, id="operations-as-text"),
        pytest.param({"alg": "ES256"}, id="algorithm-of-another-type"),
        pytest.param({"alg": "RSA-OAEP"}, id="algorithm-for-encryption"),
        pytest.param({"alg": "none"}, id="algorithm-none"),
        pytest.param({"alg": None}, id="algorithm-null"),
        pytest.param({"kid": 1}, id="kid-of-another-type"),
        pytest.param({"kty": "XYZ"}, id="unknown-type"),
        pytest.param({"kty": None}, id="no-type"),
        pytest.param({"kty": ["RSA"]}, id="type-of-another-type"),
        pytest.param({"n": None}, id="no-modulus"),
        pytest.param({"n": RSA["n"] + "="}, id="padded"),
        pytest.param({"n": "é"}, id="not-ascii"),
        pytest.param({"n": rsa_jwk(rsa_key("small", 1024))["n"]}, id="1024-bits"),
        pytest.param({"n": b64(b"\xff" * 2000)}, id="16000-bits"),
        pytest.param({"e": "AQ"}, id="exponent-1"),
        pytest.param({"e": b64(b"\xff" * 100)}, id="huge-exponent"),
        pytest.param({"e": "Ag"}, id="even-exponent"),
        pytest.param({"kty": "EC"}, id="rsa-numbers-as-ec"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}, id="short-okp"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": b64(b"\1" * 32)}, id="x25519"),
    ],
)
def test_an_unsuitable_key_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        read_key({**RSA, **change})


@pytest.mark.parametrize("jwk", [None, [], "key", 1], ids=str)
def test_a_key_that_is_not_an_object_is_refused(jwk: object) -> None:
    with pytest.raises(UnusableKey):
        read_key(jwk)


@pytest.mark.parametrize(
    "change",
    [{"x": b64(b"\1" * 32)}, {"x": b64(b"\1" * 31)}, {"crv": "P-384"}, {"crv": "secp256k1"}, {"y": 1}],
    ids=["off-the-curve", "short", "another-curve", "unknown-curve", "not-text"],
)  # fmt: skip
def test_an_invalid_curve_point_is_refused(change: dict[str, Any]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    read_key(ec_jwk(key, "P-256", 32))
    with pytest.raises(UnusableKey):
        read_key({**ec_jwk(key, "P-256", 32), **change})


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"keys": None}, {"keys": {}}, {"keys": [RSA] * (MOST_KEYS + 1)}],
    ids=["null", "list", "empty", "null-keys", "object", "too-many"],
)
def test_an_invalid_key_set_is_refused(document: object) -> None:
    with pytest.raises(InvalidKeySet):
        KeySet(document)


@proves("S135", "accepts", "key rotation")
def test_unusable_keys_beside_a_usable_one_are_ignored() -> None:
    good = Signer("ES256", "good")
    keys = KeySet({"keys": [None, {"kty": "oct", "k": "eA"}, {**RSA, "use": "enc"}, good.jwk]})

    assert keys.find("good", "ES256") is not None
    assert keys.find("k1", "RS256") is None
    assert len(keys.ignored) == 2


@pytest.mark.parametrize("purpose", [{"use": "enc"}, {"key_ops": ["encrypt", "wrapKey"]}])
def test_an_encryption_key_is_ignored_and_not_listed(purpose: dict[str, Any]) -> None:
    keys = KeySet({"keys": [{**RSA, **purpose}, Signer("ES256", "good").jwk]})

    assert keys.find("k1", "RS256") is None
    assert keys.find("good", "ES256") is not None
    assert keys.ignored == []


@proves("S135", "accepts", "key rotation")
def test_keys_of_different_types_with_one_kid_are_selected_by_algorithm() -> None:
    curve = Signer("ES256", "k1")
    keys = KeySet({"keys": [RSA, curve.jwk]})

    rsa, ecdsa = keys.find("k1", "RS256"), keys.find("k1", "ES256")
    assert rsa is not None
    assert ecdsa is not None
    assert rsa.public != ecdsa.public


@proves("S135", "refuses", "key rotation")
def test_two_keys_of_one_type_with_one_kid_are_not_used() -> None:
    keys = KeySet({"keys": [Signer("ES256").jwk, Signer("ES256").jwk]})

    assert keys.find("k1", "ES256") is None
    assert keys.find(None, "ES256") is None
    assert keys.ignored


def test_the_same_key_twice_is_one_key() -> None:
    keys = KeySet({"keys": [RSA, dict(RSA)]})
    assert keys.find("k1", "RS256") is not None
    assert keys.find(None, "RS256") is not None


def test_the_supported_algorithms_are_those_that_can_be_verified() -> None:
    checked: set[str] = set()
    for kind in ALGORITHMS:
        jwk = Signer(kind).jwk
        jwk.pop("alg", None)
        checked |= read_key(jwk).checks.keys()

    assert checked == SUPPORTED
