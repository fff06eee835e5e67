"""Signing what this client says of itself: client assertions and DPoP proofs."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from doorward.errors import ConfigurationError

_SMALLEST_RSA = 2048


class PrivateKey:
    """
    One private key: P-256 signs ES256, RSA signs RS256, Ed25519 signs EdDSA.

    Nothing of it is in its representation. ``public_jwk`` is the half that others may see.

    Spec: RFC 7515 §3.1; RFC 7518 §3.3, §3.4; RFC 8037 §3.1
    """

    def __init__(
        self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    ) -> None:
        self._key = key
        self.algorithm, self.public_jwk = _known(key)
        canonical = json.dumps(self.public_jwk, sort_keys=True, separators=(",", ":"))
        self.thumbprint = b64url(hashlib.sha256(canonical.encode()).digest())

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Return a fresh P-256 key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: str) -> "PrivateKey":
        """
        Return the key in ``pem``, an unencrypted private key.

        Raises:
            ConfigurationError: with reason ``unreadable-key`` or ``unsuitable-key``.
        """
        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(
                "unreadable-key",
                "The key is not an unencrypted private key in PEM form.",
                "Give a PKCS #8 PEM file.",
            ) from error
        if not isinstance(
            key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
        ):
            raise _unsuitable(type(key).__name__)
        return cls(key)

    def to_pem(self) -> str:
        """Return the private key as unencrypted PKCS #8; keep it where only its owner can read."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """
        Return a compact JWS of ``claims``; ``alg`` is put into the header here.

        Spec: RFC 7515 §7.1
        """
        parts = ({"alg": self.algorithm, **header}, claims)
        text = ".".join(b64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        return f"{text}.{b64url(self._signature(text.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(data)


def b64url(data: bytes) -> str:
    """Return ``data`` as base64url without padding, as JOSE writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _known(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
) -> tuple[str, dict[str, str]]:
    """Return the algorithm and the members of the thumbprint. Spec: RFC 7638 §3.2"""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return "EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _SMALLEST_RSA:
            raise _unsuitable(f"an RSA key of {key.key_size} bits")
        public = key.public_key().public_numbers()
        return "RS256", {"kty": "RSA", "n": _number(public.n), "e": _number(public.e)}
    if not isinstance(key.curve, ec.SECP256R1):
        raise _unsuitable(key.curve.name)
    point = key.public_key().public_numbers()
    x, y = (b64url(value.to_bytes(32, "big")) for value in (point.x, point.y))
    return "ES256", {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _unsuitable(what: str) -> ConfigurationError:
    return ConfigurationError(
        "unsuitable-key",
        f"Nothing can be signed with {what}.",
        "Use a P-256, an Ed25519, or an RSA key of 2048 bits or more.",
    )
