"""A public key, read from a JWK."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from doorward.jose.algorithms import Check, PublicKey, checks_for
from doorward.jose.compact import MalformedJws, decode_segment

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_SMALLEST_RSA, _LARGEST_RSA = 2048, 8192
# A large provider in the middle of a rotation has twenty keys.
MOST_KEYS = 64


class UnusableKey(ValueError):
    """The JWK cannot verify access tokens; the message says why."""


class NotASignatureKey(UnusableKey):
    """The JWK is for another purpose, such as encryption."""


@dataclass(frozen=True)
class Key:
    """A public key: its ``kid``, and one signature check for each algorithm it can be used with."""

    kid: str | None
    checks: Mapping[str, Check] = field(repr=False)
    public: PublicKey = field(repr=False, compare=False)

    def verify(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Return whether this key made ``signature`` over ``message``, with exactly ``algorithm``."""
        check = self.checks.get(algorithm)
        return check is not None and check(message, signature)


def read_key(jwk: Any) -> Key:
    """
    Return the key in ``jwk``.

    Raises:
        NotASignatureKey: a key for encryption.
        UnusableKey: a private or symmetric key, too small, or not a key at all.

    Spec: RFC 7517 §4; RFC 7518 §3.3, §6; RFC 8037 §2
    """
    if not isinstance(jwk, dict):
        raise UnusableKey("not an object")
    # Whoever fetches a published private key can sign tokens.
    if leaked := _PRIVATE & jwk.keys():
        raise UnusableKey(f"it has the private or symmetric member {min(leaked)!r}")
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
        raise NotASignatureKey("it is not for verifying signatures")
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKey("its kid is not a string")
    public = _public(jwk)
    checks = checks_for(public)
    if "alg" in jwk:
        checks = {name: check for name, check in checks.items() if name == jwk["alg"]}
    if not checks:
        raise UnusableKey(f"its alg {jwk.get('alg')!r} does not fit its type")
    return Key(kid, checks, public)


def _operations(jwk: dict[str, Any]) -> list[Any]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _public(jwk: dict[str, Any]) -> PublicKey:
    read = _READERS.get(str(jwk.get("kty")))
    if read is None:
        raise UnusableKey(f"kty {jwk.get('kty')!r} has no public key")
    try:
        return read(jwk)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(f"its numbers make no key: {error}") from None


def _rsa(jwk: dict[str, Any]) -> PublicKey:
    n, e = (int.from_bytes(_bytes(jwk, name), "big") for name in ("n", "e"))
    # With a modulus of a million bits, every check takes seconds.
    if not _SMALLEST_RSA <= n.bit_length() <= _LARGEST_RSA:
        raise UnusableKey(f"an RSA key of {n.bit_length()} bits")
    if not 3 <= e < 2**33:
        raise UnusableKey("an RSA exponent out of range")
    return RSAPublicNumbers(e, n).public_key()


def _ec(jwk: dict[str, Any]) -> PublicKey:
    curve = _CURVES.get(str(jwk.get("crv")))
    if curve is None:
        raise UnusableKey(f"curve {jwk.get('crv')!r}")
    size = (curve.key_size + 7) // 8
    x, y = _bytes(jwk, "x"), _bytes(jwk, "y")
    if len(x) != size or len(y) != size:
        raise UnusableKey("coordinates of the wrong length")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + x + y)


def _okp(jwk: dict[str, Any]) -> PublicKey:
    if jwk.get("crv") == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(_bytes(jwk, "x"))
    if jwk.get("crv") == "Ed448":
        return Ed448PublicKey.from_public_bytes(_bytes(jwk, "x"))
    raise UnusableKey(f"curve {jwk.get('crv')!r}")


_READERS: dict[str, Callable[[dict[str, Any]], PublicKey]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp}


def _bytes(jwk: dict[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise UnusableKey(f"no {name!r}")
    try:
        return decode_segment(value.encode())
    except MalformedJws:
        raise UnusableKey(f"{name!r} is not base64url") from None
