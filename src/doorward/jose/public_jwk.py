"""A public key written as a JWK, the way its owner publishes it."""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.jose.compact import encode_segment
from doorward.jose.public_key import Key, UnusableKey, read_key


def build_public_jwk(public: object) -> tuple[dict[str, Any], Key]:
    """
    Return ``public`` as a JWK with ``kid``, ``use`` and ``alg``, and as the key that verifies.

    ``kid`` is the key's own thumbprint.

    Raises:
        UnusableKey: this project does not sign with such a key, or would refuse its signatures.

    Spec: RFC 7517 §4; RFC 7638 §3
    """
    algorithm, members = _members(public)
    jwk = {**members, "kid": _thumbprint(members), "use": "sig", "alg": algorithm}
    # The reader sets the bounds, so that nothing is signed that it would refuse.
    return jwk, read_key(jwk)


def _members(public: object) -> tuple[SigningAlgorithm, dict[str, str]]:
    """Return the algorithm and the members of the thumbprint. Spec: RFC 7518 §6; RFC 8037 §2"""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        n = _integer(numbers.n, (numbers.n.bit_length() + 7) // 8)
        e = _integer(numbers.e, (numbers.e.bit_length() + 7) // 8)
        return "RS256", {"kty": "RSA", "n": n, "e": e}
    if isinstance(public, ec.EllipticCurvePublicKey):
        if not isinstance(public.curve, ec.SECP256R1):
            raise UnusableKey(f"an EC key on {public.curve.name}")
        point = public.public_numbers()
        x, y = _integer(point.x, 32), _integer(point.y, 32)
        return "ES256", {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    if isinstance(public, ed25519.Ed25519PublicKey):
        x = encode_segment(public.public_bytes_raw())
        return "EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": x}
    raise UnusableKey(f"a {type(public).__name__}")


def _thumbprint(members: dict[str, str]) -> str:
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encode_segment(hashlib.sha256(canonical.encode()).digest())


def _integer(value: int, octets: int) -> str:
    return encode_segment(value.to_bytes(octets, "big"))
