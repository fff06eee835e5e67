"""A private key and the JWS signatures that it makes; every party signs with this class."""

from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.jose.compact import encode_segment
from doorward.jose.public_jwk import build_public_jwk
from doorward.jose.public_key import UnusableKey

_encode = msgspec.json.Encoder().encode
_ES256 = ec.ECDSA(hashes.SHA256())
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class PrivateKey:
    """
    A private key: P-256 signs ES256, RSA signs RS256, Ed25519 signs EdDSA.

    ``public_key`` verifies what this key signs. ``thumbprint`` is the ``kid`` of both halves, and all
    that the representation shows.

    Raises:
        ConfigurationError: with reason ``unsuitable-key``.

    Spec: RFC 7518 §3.3, §3.4; RFC 8037 §3.1; RFC 7638
    """

    def __init__(self, key: _Key) -> None:
        self._key = key
        try:
            self._jwk, self.public_key = build_public_jwk(key.public_key())
        except UnusableKey as reason:
            raise _unsuitable(str(reason)) from None
        self.algorithm: SigningAlgorithm = self._jwk["alg"]
        self.thumbprint: str = self._jwk["kid"]

    def __repr__(self) -> str:
        return f"PrivateKey({self.algorithm}, thumbprint={self.thumbprint!r})"

    @classmethod
    def generate(cls, algorithm: SigningAlgorithm = "ES256") -> "PrivateKey":
        """Return a fresh key that signs with ``algorithm``."""
        if algorithm == "ES256":
            return cls(ec.generate_private_key(ec.SECP256R1()))
        if algorithm == "RS256":
            return cls(rsa.generate_private_key(65537, 2048))
        return cls(ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: str | bytes) -> "PrivateKey":
        """
        Return the key in ``pem``, an unencrypted private key.

        Raises:
            ConfigurationError: with reason ``unreadable-key`` or ``unsuitable-key``.
        """
        try:
            data = pem.encode() if isinstance(pem, str) else pem
            key = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(
                "unreadable-key",
                "The key is not an unencrypted private key in PEM form.",
                "Give a PKCS #8 PEM file.",
            ) from error
        if not isinstance(key, _Key):
            raise _unsuitable(f"a {type(key).__name__}")
        return cls(key)

    def to_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS #8; store it where only its owner can read."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public_pem(self) -> bytes:
        """Return the public half in PEM form."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def public_jwk(self) -> dict[str, Any]:
        """Return the public half as a JWK with ``kid``, ``use`` and ``alg``."""
        return dict(self._jwk)

    def public_members(self) -> dict[str, str]:
        """Return the public half as a JWK with the required members alone, as a DPoP proof has it."""
        return {name: self._jwk[name] for name in self._jwk if name not in {"kid", "use", "alg"}}

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any] | bytes) -> str:
        """
        Return ``claims`` as a compact JWS under ``header``; ``alg`` is always this key's.

        Claims given as bytes are JSON already.

        Spec: RFC 7515 §5.1, §7.1
        """
        message = signing_input({**header, "alg": self.algorithm}, claims)
        return f"{message.decode('ascii')}.{encode_segment(self.signature(message))}"

    def signature(self, message: bytes) -> bytes:
        """Return the JWS signature of ``message``."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            # JOSE wants r and s side by side; cryptography returns DER.
            r, s = decode_dss_signature(self._key.sign(message, _ES256))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(message)


def signing_input(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes) -> bytes:
    """
    Return what a compact JWS signs; a part given as bytes is used as it is.

    Spec: RFC 7515 §5.1 step 5
    """
    parts = (part if isinstance(part, bytes) else _encode(part) for part in (header, payload))
    return ".".join(encode_segment(part) for part in parts).encode("ascii")


def _unsuitable(got: str) -> ConfigurationError:
    return ConfigurationError(
        "unsuitable-key",
        f"The key cannot sign tokens: it is {got}.",
        "Use an EC key on P-256, an Ed25519 key, or an RSA key of 2048 to 8192 bits.",
    )
