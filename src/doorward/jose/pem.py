"""A public key in a PEM file, as the key set that its issuer publishes."""

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from doorward.errors import ConfigurationError
from doorward.jose.public_key import NotAKey, read_key

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def read_public_pem(pem: bytes, *, now: float | None = None) -> dict[str, Any]:
    """
    Return the public key in ``pem`` as a JWK with ``kid``, ``use`` and ``alg``.

    ``pem`` is a public key or a certificate; ``kid`` is the key's own thumbprint. ``now`` is in
    seconds since 1970, and matters to certificates alone: a bare key does not say how long it lives.

    Raises:
        ConfigurationError: with reason ``private-key-given``, ``expired-key``, ``unreadable-key``
            or ``unsuitable-key``.

    Spec: RFC 7517 §4; RFC 7638 §3
    """
    # Loaders of public keys say only "not a public key"; what went wrong here is worth a name.
    if b"PRIVATE KEY-----" in pem:
        raise ConfigurationError(
            "private-key-given",
            "The file has a private key, and a server that checks tokens must not be able to make them.",
            "Give the public half, and keep the private one with whoever issues the tokens.",
        )
    members, algorithm = _members(_public(pem, time.time() if now is None else now))
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    kid = _b64url(hashlib.sha256(canonical).digest())
    jwk = {**members, "kid": kid, "use": "sig", "alg": algorithm}
    try:
        read_key(jwk)
    except NotAKey as reason:
        raise _unsuitable(str(reason)) from None
    return jwk


def _public(pem: bytes, now: float) -> object:
    try:
        if _CERTIFICATE not in pem:
            return serialization.load_pem_public_key(pem)
        certificate = x509.load_pem_x509_certificate(pem)
        public = certificate.public_key()
    except ValueError as error:
        raise ConfigurationError(
            "unreadable-key",
            "The file is neither a public key nor a certificate in PEM form.",
            "Give a file that begins with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----.",
        ) from error
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= datetime.fromtimestamp(now, UTC) <= end:
        raise ConfigurationError(
            "expired-key",
            f"The certificate is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, and not today.",
            "Ask its issuer for the current one, or make new keys.",
        )
    return public


def _members(public: object) -> tuple[dict[str, str], str]:
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        n = _integer(numbers.n, (numbers.n.bit_length() + 7) // 8)
        e = _integer(numbers.e, (numbers.e.bit_length() + 7) // 8)
        return {"kty": "RSA", "n": n, "e": e}, "RS256"
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        point = public.public_numbers()
        x, y = _integer(point.x, 32), _integer(point.y, 32)
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}, "ES256"
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _b64url(public.public_bytes_raw())}, "EdDSA"
    raise _unsuitable(f"it is a {type(public).__name__}")


def _unsuitable(why: str) -> ConfigurationError:
    return ConfigurationError(
        "unsuitable-key",
        f"The key cannot verify access tokens: {why}.",
        "Use an RSA key of 2048 bits or more, an EC key on P-256, or an Ed25519 key.",
    )


def _integer(value: int, octets: int) -> str:
    return _b64url(value.to_bytes(octets, "big"))


def _b64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
