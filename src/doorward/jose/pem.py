"""A public key in a PEM file, as the key set that its issuer publishes."""

import time
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from doorward.errors import ConfigurationError
from doorward.jose.public_jwk import build_public_jwk
from doorward.jose.public_key import NotAKey

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
    public = _public(pem, time.time() if now is None else now)
    try:
        return build_public_jwk(public)[0]
    except NotAKey as reason:
        raise ConfigurationError(
            "unsuitable-key",
            f"The key cannot verify access tokens: it is {reason}.",
            "Use an RSA key of 2048 to 8192 bits, an EC key on P-256, or an Ed25519 key.",
        ) from None


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
