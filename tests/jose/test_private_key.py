"""Signatures of private keys, verified by other libraries and by this one."""

from typing import Any, get_args

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jws

from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.jose.compact import read_header, split_jws
from doorward.jose.private_key import PrivateKey

# joserfc calls EdDSA deprecated in favour of names that providers do not use yet.
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

ALGORITHMS = get_args(SigningAlgorithm)
CLAIMS = {"sub": "alice", "note": "ü"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_other_libraries_accept_the_signature(algorithm: SigningAlgorithm) -> None:
    key = PrivateKey.generate(algorithm)

    token = key.sign({"typ": "JWT", "kid": key.thumbprint}, CLAIMS)

    verified = jwt.decode(token, jwt.PyJWK(key.public_jwk()), algorithms=[algorithm])
    assert verified == CLAIMS
    imported = jwk.import_key(key.public_jwk())
    assert jws.deserialize_compact(token, imported, [algorithm]).headers()["alg"] == algorithm
    assert imported.thumbprint() == key.thumbprint


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_key_verifies_this_message_and_no_other(algorithm: SigningAlgorithm) -> None:
    key = PrivateKey.generate(algorithm)

    parts = split_jws(key.sign({}, CLAIMS).encode())

    assert key.public_key.verify(algorithm, parts.signing_input, parts.signature)
    assert not key.public_key.verify(algorithm, parts.signing_input + b"A", parts.signature)
    other = PrivateKey.generate(algorithm).public_key
    assert not other.verify(algorithm, parts.signing_input, parts.signature)


@pytest.mark.parametrize("named", ["none", "HS256", "RS512"])
def test_a_caller_cannot_override_the_algorithm_of_a_key(named: str) -> None:
    token = PrivateKey.generate().sign({"alg": named}, CLAIMS)

    assert read_header(split_jws(token.encode()).header).algorithm == "ES256"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_read_back_from_pem_as_text_and_as_bytes(algorithm: SigningAlgorithm) -> None:
    key = PrivateKey.generate(algorithm)

    for pem in (key.to_pem(), key.to_pem().decode()):
        assert PrivateKey.from_pem(pem).thumbprint == key.thumbprint


@pytest.mark.parametrize("pem", ["", "nonsense", "\udc80", b"\xff"])
def test_an_invalid_pem_is_refused(pem: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        PrivateKey.from_pem(pem)

    assert refused.value.reason == "unreadable-key"


def test_a_key_that_is_too_short_to_verify_cannot_sign() -> None:
    with pytest.raises(ConfigurationError) as refused:
        PrivateKey(rsa.generate_private_key(65537, 1024))

    assert refused.value.reason == "unsuitable-key"


def test_neither_members_nor_repr_show_the_private_key() -> None:
    key = PrivateKey.generate("RS256")

    assert set(key.public_members()) == {"kty", "n", "e"}
    assert set(key.public_jwk()) == {"kty", "n", "e", "kid", "use", "alg"}
    assert repr(key) == f"PrivateKey(RS256, thumbprint={key.thumbprint!r})"
