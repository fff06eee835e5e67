"""A public key in a PEM file, as an entry of a key set."""

import time
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from doorward.errors import ConfigurationError
from doorward.jose.public_jwk import build_public_jwk
from doorward.jose.public_key import UnusableKey

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def read_public_pem(pem: bytes, *, now: float | None = None) -> dict[str, Any]:
    """
    Return the public key in ``pem`` as a JWK with ``kid``, ``use`` and ``alg``.

    ``pem`` is a public key or a certificate; ``kid`` is the key's thumbprint. ``now`` is in seconds
    since 1970 and only used for certificates, because a bare key has no validity period.

    Raises:
        ConfigurationError: with reason ``private-key-given``, ``expired-key``, ``unreadable-key``
            or ``unsuitable-key``.

    Spec: RFC 7517 §4; RFC 7638 §3
    """
    # The loader only says "not a public key", and this mistake deserves its own message.
    if b"PRIVATE KEY-----" in pem:
        raise ConfigurationError(
            "private-key-given",
            "The file contains a private key. A server that verifies tokens must not be able to issue them.",
            "Give the public key, and keep the private key at the issuer.",
        )
    public = _public(pem, time.time() if now is None else now)
    try:
        return build_public_jwk(public)[0]
    except UnusableKey as reason:
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
            "The file is not a public key or certificate in PEM form.",
            "Give a file that begins with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----.",
        ) from error
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= datetime.fromtimestamp(now, UTC) <= end:
        raise ConfigurationError(
            "expired-key",
            f"The certificate is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, which is not today.",
            "Get the current certificate from the issuer, or generate new keys.",
        )
    return public
