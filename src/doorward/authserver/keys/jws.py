"""Compact JWS by one of three algorithms, signed and checked with the keys of this issuer alone."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_P256 = 32


def generate(algorithm: str) -> PrivateKey:
    """Return a fresh private key for ES256, RS256 or EdDSA."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate()


def encoded(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def sign(header: Mapping[str, Any], claims: Mapping[str, Any], key: PrivateKey) -> str:
    """
    Return the compact serialization of ``claims`` under ``header``.

    Spec: RFC 7515 §5.1, §7.1; RFC 7518 §3; RFC 8037 §3.1
    """
    parts = [encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    message = ".".join(parts).encode("ascii")
    return f"{parts[0]}.{parts[1]}.{encoded(_signature(message, key))}"


def verifies(message: bytes, signature: bytes, key: PrivateKey) -> bool:
    """Say whether ``signature`` over ``message`` was made with ``key``."""
    try:
        _check(message, signature, key)
    except InvalidSignature:
        return False
    return True


def public_members(key: PrivateKey) -> dict[str, str]:
    """
    Return the public half as JWK members.

    Spec: RFC 7518 §6; RFC 8037 §2
    """
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _number(point.x, _P256),
            "y": _number(point.y, _P256),
        }
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {
            "kty": "RSA",
            "n": _number(numbers.n, (numbers.n.bit_length() + 7) // 8),
            "e": _number(numbers.e, (numbers.e.bit_length() + 7) // 8),
        }
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}


def _number(value: int, octets: int) -> str:
    return encoded(value.to_bytes(octets, "big"))


def _signature(message: bytes, key: PrivateKey) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(_P256, "big") + s.to_bytes(_P256, "big")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), SHA256())
    return key.sign(message)


def _check(message: bytes, signature: bytes, key: PrivateKey) -> None:
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        if len(signature) != 2 * _P256:
            raise InvalidSignature
        r, s = (int.from_bytes(half, "big") for half in (signature[:_P256], signature[_P256:]))
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    elif isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, message, padding.PKCS1v15(), SHA256())
    else:
        public.verify(signature, message)
