"""A JWKS document as a lookup table from ``kid`` and algorithm to the key."""

from collections.abc import Mapping
from typing import Any

from doorward.jose.public_key import MOST_KEYS, Key, NotASignatureKey, UnusableKey, read_key


class InvalidKeySet(ValueError):
    """The document is not a usable JWKS."""


class KeySet:
    """
    The keys of one issuer that can verify its tokens.

    ``ignored`` has one sentence for each key that cannot be used, except for keys with another
    purpose. A set without a usable key is valid.

    Raises:
        InvalidKeySet: not an object with a list ``keys``, or more than ``MOST_KEYS`` of them.

    Spec: RFC 7517 §5
    """

    def __init__(self, document: Any) -> None:
        keys = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(keys, list):
            raise InvalidKeySet("there is no list of keys")
        if len(keys) > MOST_KEYS:
            raise InvalidKeySet(f"{len(keys)} keys, at most {MOST_KEYS} are accepted")
        self.ignored: list[str] = []
        self._by_name: dict[tuple[str | None, str], Key] = {}
        self._index(self._readable(keys))
        self.kids = frozenset(kid for kid, _ in self._by_name if kid is not None)
        self.algorithms = frozenset(algorithm for _, algorithm in self._by_name)

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """
        Return the key named ``kid`` that can be used with ``algorithm``.

        Without a ``kid``, return the only key that fits, and ``None`` when there are several.

        Spec: RFC 7515 §4.1.4, appendix D
        """
        return self._by_name.get((kid, algorithm))

    def _readable(self, keys: list[Any]) -> list[Key]:
        found = []
        for position, jwk in enumerate(keys):
            try:
                found.append(read_key(jwk))
            except NotASignatureKey:
                # Keycloak and others publish encryption keys too; that is no problem to report.
                continue
            except UnusableKey as reason:
                # The set is still used: one unusable key must not lock out every user.
                self.ignored.append(f"key {position}: {reason}")
        return found

    def _index(self, keys: list[Key]) -> None:
        claims: dict[tuple[str | None, str], list[Key]] = {}
        for key in keys:
            for algorithm in key.checks:
                if key.kid is not None:
                    claims.setdefault((key.kid, algorithm), []).append(key)
                claims.setdefault((None, algorithm), []).append(key)
        for name, claimants in claims.items():
            if all(other.public == claimants[0].public for other in claimants):
                self._by_name[name] = claimants[0]
            elif name[0] is not None:
                # Two keys with one kid: trying both would let whoever added the second one sign.
                self.ignored.append(f"kid {name[0]!r} names several keys for {name[1]}")
