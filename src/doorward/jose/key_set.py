"""A JWKS document, read once into what the hot path asks of it."""

from collections.abc import Mapping
from typing import Any

from doorward.jose.public_key import MOST_KEYS, Key, NotAKey, NotForSignatures, read_key


class NotAKeySet(ValueError):
    """The document is no JWKS that can be used."""


class KeySet:
    """
    The keys of one issuer that may verify its tokens.

    ``ignored`` says, for each other key that is not for another purpose, what is wrong. A set whose every key is ignored is a set.

    Raises:
        NotAKeySet: not an object with a list ``keys``, or more than ``MOST_KEYS`` of them.

    Spec: RFC 7517 §5
    """

    def __init__(self, document: Any) -> None:
        keys = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(keys, list):
            raise NotAKeySet("there is no list of keys")
        if len(keys) > MOST_KEYS:
            raise NotAKeySet(f"{len(keys)} keys, where {MOST_KEYS} are the most")
        self.ignored: list[str] = []
        self._by_name: dict[tuple[str | None, str], Key] = {}
        self._index(self._readable(keys))
        self.kids = frozenset(kid for kid, _ in self._by_name if kid is not None)

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """
        Return the key named ``kid`` that ``algorithm`` may be used with.

        Without a ``kid``: the only key of the set that fits, and none when there are several.

        Spec: RFC 7515 §4.1.4, appendix D
        """
        return self._by_name.get((kid, algorithm))

    def _readable(self, keys: list[Any]) -> list[Key]:
        found = []
        for position, jwk in enumerate(keys):
            try:
                found.append(read_key(jwk))
            except NotForSignatures:
                # Keycloak and others publish encryption keys beside these. Nobody need be told.
                continue
            except NotAKey as reason:
                # Not a reason to refuse the set: one odd key must not lock everybody out.
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
                # Two keys under one name: to try both is to let whoever added the second one sign.
                self.ignored.append(f"kid {name[0]!r} names several keys for {name[1]}")
