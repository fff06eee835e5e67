"""DPoP proofs: they bind a token to a key, so that a stolen token is useless."""

import hashlib
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import httpx2

from doorward.jose.compact import encode_segment
from doorward.jose.private_key import PrivateKey
from doorward.wire import address

NONCE = "DPoP-Nonce"
_MAX_NONCE = 1024


class DpopProver:
    """
    Makes proofs with one key, and the last nonce of each origin.

    ``clock`` gives seconds since 1970.

    Spec: RFC 9449 §4.2, §8, §9
    """

    def __init__(self, key: PrivateKey, clock: Callable[[], float]) -> None:
        self.key = key
        self._clock = clock
        self._nonces: dict[str, str] = {}

    def proof(self, method: str, url: str, access_token: str | None = None) -> str:
        """
        Return a new proof for one request, bound to ``access_token`` if there is one.

        Every call returns a new proof: servers refuse a repeated one as a replay.
        """
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": _target(url),
            "iat": int(self._clock()),
        }
        if access_token is not None:
            claims["ath"] = encode_segment(hashlib.sha256(access_token.encode("ascii")).digest())
        # A nonce goes only to its own origin: elsewhere it would reveal another server.
        if nonce := self._nonces.get(address.origin_of(url)):
            claims["nonce"] = nonce
        return self.key.sign({"typ": "dpop+jwt", "jwk": self.key.public_members()}, claims)

    def learn(self, url: str, headers: httpx2.Headers) -> bool:
        """Store the nonce in a response of ``url``; return whether it is new."""
        nonce, place = headers.get(NONCE), address.origin_of(url)
        if not nonce or len(nonce) > _MAX_NONCE or self._nonces.get(place) == nonce:
            return False
        self._nonces[place] = nonce
        return True


def _target(url: str) -> str:
    """Return ``url`` without query and fragment. Spec: RFC 9449 §4.2"""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
