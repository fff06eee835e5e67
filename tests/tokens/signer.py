"""An issuer that signs with every algorithm there is, and says in its tokens whatever it is told."""

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://issuer.example"
RESOURCE = "https://mcp.example/mcp"
NOW = 1_800_000_000.0
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed448"),
)
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: dict[str, tuple[ec.EllipticCurve, str, int]] = {
    "ES256": (ec.SECP256R1(), "P-256", 32),
    "ES384": (ec.SECP384R1(), "P-384", 48),
    "ES512": (ec.SECP521R1(), "P-521", 66),
}


def b64(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    """Return a JWK's number."""
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@cache
def rsa_key(name: str = "rsa", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return an RSA key; the same one for the same name, because making one takes a while."""
    return rsa.generate_private_key(65537, bits)


def rsa_jwk(key: rsa.RSAPrivateKey, **members: Any) -> dict[str, Any]:
    """Return the public half."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **members}


def ec_jwk(key: ec.EllipticCurvePrivateKey, curve: str, size: int, **more: Any) -> dict[str, Any]:
    """Return the public half."""
    point = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": curve,
        "x": number(point.x, size),
        "y": number(point.y, size),
        **more,
    }


class Signer:
    """A key that signs with one algorithm (``Ed448`` stands for EdDSA on the larger curve)."""

    def __init__(self, kind: str, kid: str | None = "k1") -> None:
        self.alg = "EdDSA" if kind.startswith("Ed") else kind
        self.kid = kid
        self.sign_bytes: Callable[[bytes], bytes]
        self.jwk: dict[str, Any]
        {"R": self._rsa, "P": self._rsa, "E": self._curve}[kind[0]](kind)
        self.jwk |= {"alg": self.alg, "use": "sig"} | ({} if kid is None else {"kid": kid})

    def _rsa(self, kind: str) -> None:
        key, digest = rsa_key(), _HASHES[kind[2:]]
        how: Any = padding.PKCS1v15()
        if kind[0] == "P":
            how = padding.PSS(padding.MGF1(digest), digest.digest_size)
        self.sign_bytes = lambda message: key.sign(message, how, digest)
        self.jwk = rsa_jwk(key)

    def _curve(self, kind: str) -> None:
        if kind.startswith("Ed"):
            private = (
                ed448.Ed448PrivateKey if kind == "Ed448" else ed25519.Ed25519PrivateKey
            ).generate()
            self.sign_bytes = private.sign
            public = b64(private.public_key().public_bytes_raw())
            self.jwk = {"kty": "OKP", "crv": kind if kind == "Ed448" else "Ed25519", "x": public}
            return
        curve, name, size = _CURVES[kind]
        key = ec.generate_private_key(curve)

        def sign(message: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(message, ec.ECDSA(_HASHES[kind[2:]])))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")

        self.sign_bytes = sign
        self.jwk = ec_jwk(key, name, size)

    def header(self, **members: Any) -> dict[str, Any]:
        """Return the header of a good token, changed; ``None`` leaves a member out."""
        full = {"alg": self.alg, "typ": "at+jwt", "kid": self.kid, **members}
        return {name: value for name, value in full.items() if value is not None}

    def token(self, payload: Any = None, header: Any = None) -> bytes:
        """Return ``payload`` under ``header``, signed; bytes are taken as they are."""
        parts = [self.header() if header is None else header]
        parts.append(claims() if payload is None else payload)
        message = ".".join(b64(part if isinstance(part, bytes) else dumps(part)) for part in parts)
        return f"{message}.{b64(self.sign_bytes(message.encode()))}".encode()


def dumps(value: Any) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token, changed; ``...`` leaves one out."""
    good = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": RESOURCE,
        "client_id": "client-1",
        "iat": NOW - 10,
        "exp": NOW + 600,
        "jti": "t-1",
        "scope": "mcp:read mcp:tools",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}
