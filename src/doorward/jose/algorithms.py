"""Signature algorithms: each makes a check of a signature over a message."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PublicKey = RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey
Check = Callable[[bytes, bytes], bool]


@dataclass(frozen=True)
class _RsaPkcs1:
    digest: Callable[[bytes], Any]
    # The DER bytes before the digest in the signed block: RFC 8017 §9.2 note 1.
    prefix: bytes

    def fits(self, key: PublicKey) -> bool:
        return isinstance(key, RSAPublicKey)

    def check(self, key: Any) -> Check:
        size, recover = _size(key), key.recover_data_from_signature
        digest, prefix, how = self.digest, self.prefix, padding.PKCS1v15()

        def check(message: bytes, signature: bytes) -> bool:
            if len(signature) != size:
                return False
            # The signed block is compared as a whole and never parsed: parsers of it have accepted
            # forged signatures (CVE-2006-4339 and its variants). RFC 8017 §8.2.2 does the same; so
            # does the library's `verify`, which takes 10 % longer.
            try:
                signed: bytes = recover(signature, how, None)
            except InvalidSignature:
                return False
            wanted: bytes = prefix + digest(message).digest()
            return signed == wanted

        return check


@dataclass(frozen=True)
class _RsaPss:
    hash: hashes.HashAlgorithm

    def fits(self, key: PublicKey) -> bool:
        return isinstance(key, RSAPublicKey)

    def check(self, key: Any) -> Check:
        size, digest, verify = _size(key), self.hash, key.verify
        # Salt as long as the hash, and no other: RFC 7518 §3.5.
        how = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)

        def check(message: bytes, signature: bytes) -> bool:
            if len(signature) != size:
                return False
            try:
                verify(signature, message, how, digest)
            except InvalidSignature:
                return False
            return True

        return check


def _size(key: RSAPublicKey) -> int:
    """Return the length of a signature in bytes."""
    return (key.key_size + 7) // 8


@dataclass(frozen=True)
class _Ecdsa:
    hash: hashes.HashAlgorithm
    curve: type[ec.EllipticCurve]
    half: int

    def fits(self, key: PublicKey) -> bool:
        return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, self.curve)

    def check(self, key: Any) -> Check:
        verify, how, half = key.verify, ec.ECDSA(self.hash), self.half

        def check(message: bytes, signature: bytes) -> bool:
            # r and s at their full width; a DER signature is refused.
            if len(signature) != 2 * half:
                return False
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            if not (r and s):
                return False
            try:
                verify(encode_dss_signature(r, s), message, how)
            except InvalidSignature:
                return False
            return True

        return check


@dataclass(frozen=True)
class _EdDsa:
    def fits(self, key: PublicKey) -> bool:
        return isinstance(key, Ed25519PublicKey | Ed448PublicKey)

    def check(self, key: Any) -> Check:
        verify, size = key.verify, 64 if isinstance(key, Ed25519PublicKey) else 114

        def check(message: bytes, signature: bytes) -> bool:
            if len(signature) != size:
                return False
            try:
                verify(signature, message)
            except InvalidSignature:
                return False
            return True

        return check


_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()

# The whole list. No entry takes a shared secret, so a public key can never be used as one.
_ALGORITHMS: dict[str, _RsaPkcs1 | _RsaPss | _Ecdsa | _EdDsa] = {
    "RS256": _RsaPkcs1(sha256, bytes.fromhex("3031300d060960864801650304020105000420")),
    "RS384": _RsaPkcs1(sha384, bytes.fromhex("3041300d060960864801650304020205000430")),
    "RS512": _RsaPkcs1(sha512, bytes.fromhex("3051300d060960864801650304020305000440")),
    "PS256": _RsaPss(_SHA256),
    "PS384": _RsaPss(_SHA384),
    "PS512": _RsaPss(_SHA512),
    "ES256": _Ecdsa(_SHA256, ec.SECP256R1, 32),
    "ES384": _Ecdsa(_SHA384, ec.SECP384R1, 48),
    "ES512": _Ecdsa(_SHA512, ec.SECP521R1, 66),
    "EdDSA": _EdDsa(),
}


def checks_for(key: PublicKey) -> dict[str, Check]:
    """
    Return the signature check of each algorithm that ``key`` can be used with.

    Spec: RFC 7518 §3.1, §3.3 to §3.5; RFC 8037 §3.1
    """
    return {
        name: algorithm.check(key) for name, algorithm in _ALGORITHMS.items() if algorithm.fits(key)
    }
