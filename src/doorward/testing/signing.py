"""Signing keys for tokens that are minted in tests and for local use."""

import base64
import hashlib
import json
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from doorward.errors import ConfigurationError

Algorithm = Literal["ES256", "RS256", "EdDSA"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

SMALLEST_RSA_BITS = 2048


def b64url(data: bytes) -> str:
    """Return ``data`` as base64url without padding, as JOSE writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _integer(value: int, octets: int) -> str:
    return b64url(value.to_bytes(octets, "big"))


class SigningKey:
    """
    One private key, and what may be known of it.

    ``SigningKey.generate("ES256")`` makes a fresh one. ``algorithm`` is fixed by the kind of key:
    P-256 signs ES256, RSA signs RS256, Ed25519 signs EdDSA.

    Spec: RFC 7517 §4; RFC 7518 §3.4; RFC 8037 §3.1
    """

    def __init__(self, private: PrivateKey) -> None:
        self._private = private
        self.algorithm: Algorithm = _algorithm_of(private)
        self.kid = _thumbprint(_members(private))

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm}, kid={self.kid!r})"

    @classmethod
    def generate(cls, algorithm: Algorithm = "ES256") -> "SigningKey":
        """Return a fresh key that signs with ``algorithm``."""
        if algorithm == "ES256":
            return cls(ec.generate_private_key(ec.SECP256R1()))
        if algorithm == "RS256":
            return cls(rsa.generate_private_key(65537, SMALLEST_RSA_BITS))
        return cls(ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """
        Return the key in ``pem``, an unencrypted PKCS #8 private key.

        Raises:
            ConfigurationError: with reason ``unreadable-key`` or ``unsuitable-key``.
        """
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                "unreadable-key",
                "The key is not an unencrypted private key in PEM form.",
                "Give a PKCS #8 PEM file, or let one be generated.",
            ) from error
        if not isinstance(private, PrivateKey):
            raise _unsuitable(type(private).__name__)
        return cls(private)

    def to_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS #8; keep it where only its owner can read."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public_pem(self) -> bytes:
        """Return the public half in PEM form."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def public_jwk(self) -> dict[str, Any]:
        """Return the public half as a JWK with ``kid``, ``use`` and ``alg``."""
        return {
            **_members(self._private),
            "kid": self.kid,
            "use": "sig",
            "alg": self.algorithm,
        }

    def sign(self, message: bytes) -> bytes:
        """Return the JWS signature of ``message``."""
        if isinstance(self._private, ec.EllipticCurvePrivateKey):
            # JOSE wants r and s side by side, not the DER that everything else speaks.
            r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self._private.sign(message)


def _algorithm_of(private: PrivateKey) -> Algorithm:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        if not isinstance(private.curve, ec.SECP256R1):
            raise _unsuitable(f"an EC key on {private.curve.name}")
        return "ES256"
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < SMALLEST_RSA_BITS:
            raise _unsuitable(f"an RSA key of {private.key_size} bits")
        return "RS256"
    return "EdDSA"


def _unsuitable(got: str) -> ConfigurationError:
    return ConfigurationError(
        "unsuitable-key",
        f"The key cannot sign tokens here: it is {got}.",
        "Use an EC key on P-256, an Ed25519 key, or an RSA key of 2048 bits or more.",
    )


def _members(private: PrivateKey) -> dict[str, str]:
    public = private.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _integer(point.x, 32),
            "y": _integer(point.y, 32),
        }
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {
            "kty": "RSA",
            "n": _integer(numbers.n, (numbers.n.bit_length() + 7) // 8),
            "e": _integer(numbers.e, (numbers.e.bit_length() + 7) // 8),
        }
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public.public_bytes_raw())}


def _thumbprint(members: dict[str, str]) -> str:
    """Return the key's own name. Spec: RFC 7638 §3"""
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(canonical.encode()).digest())
