"""The issuer of a benchmark run: its keys, its tokens, and tokens that nobody may accept."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk

from benchmarks.scene import ISSUER, RESOURCE, SCOPE

ALGORITHMS = ("RS256", "ES256", "EdDSA")
KINDS: dict[str, type[jwk.RSAKey | jwk.ECKey | jwk.OKPKey]] = {
    "RS256": jwk.RSAKey,
    "ES256": jwk.ECKey,
    "EdDSA": jwk.OKPKey,
}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Mint:
    """Keys of one run and the tokens signed with them; nothing outlives the process."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }
        self._strange_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_jwk(self, algorithm: str) -> dict[str, Any]:
        """Return the public key for ``algorithm`` as an RFC 7517 object."""
        key = self.keys[algorithm].public_key()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        members = KINDS[algorithm].import_key(pem).as_dict(private=False)
        return {**members, "kid": algorithm, "alg": algorithm, "use": "sig"}

    def key_set(self) -> dict[str, Any]:
        """Return the public keys as an RFC 7517 set."""
        return {"keys": [self.public_jwk(algorithm) for algorithm in ALGORITHMS]}

    def claims(self, number: int = 0, **changed: Any) -> dict[str, Any]:
        """Return the ten claims of an access token, with ``changed`` in their place."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": f"user-{number:08d}",
            "aud": RESOURCE,
            "client_id": "https://client.example/oauth/client.json",
            "scope": f"{SCOPE} mcp:prompts",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "jti": f"0b6ae9d0-3b1e-4c58-9f63-{number:012d}",
            "roles": ["member", "editor"],
        }
        return {**claims, **changed}

    def token(self, algorithm: str = "RS256", number: int = 0, **changed: Any) -> str:
        """Return an RFC 9068 access token that every server here must accept."""
        headers = {"typ": "at+jwt", "kid": algorithm}
        claims = self.claims(number, **changed)
        return jwt.encode(claims, self.keys[algorithm], algorithm=algorithm, headers=headers)

    def tokens(self, count: int) -> list[str]:
        """Return ``count`` RS256 tokens, each of another user."""
        return [self.token(number=number) for number in range(count)]

    def bad_tokens(self) -> Iterator[tuple[str, str]]:
        """Yield (what is wrong, token) for tokens wrong in exactly one way."""
        good = self.token()
        head, body, signature = good.split(".")
        flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
        now = int(time.time())
        yield "altered signature", f"{head}.{body}.{flipped}"
        yield "expired", self.token(exp=now - 600)
        yield "another audience", self.token(aud="https://other.example/mcp")
        yield "another issuer", self.token(iss="https://other.example")
        yield "no signature", f"{_none_header()}.{body}."
        strange = {"typ": "at+jwt", "kid": "RS256"}
        yield (
            "another key",
            jwt.encode(self.claims(), self._strange_key, algorithm="RS256", headers=strange),
        )


def _none_header() -> str:
    return (
        base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt","kid":"RS256"}')
        .decode()
        .rstrip("=")
    )
