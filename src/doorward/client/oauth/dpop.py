"""DPoP: a token that is worth nothing without the key it was made for."""

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
    Proves the possession of one key, with the nonce that each place gave last.

    ``clock`` gives seconds since 1970.

    Spec: RFC 9449 §4.2, §8, §9
    """

    def __init__(self, key: PrivateKey, clock: Callable[[], float]) -> None:
        self.key = key
        self._clock = clock
        self._nonces: dict[str, str] = {}

    def proof(self, method: str, url: str, access_token: str | None = None) -> str:
        """
        Return a fresh proof for one request; ``access_token`` is bound to it when there is one.

        Every call returns another: a proof that is sent twice is a replay.
        """
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": _target(url),
            "iat": int(self._clock()),
        }
        if access_token is not None:
            claims["ath"] = encode_segment(hashlib.sha256(access_token.encode("ascii")).digest())
        # A nonce is one place's own: sent elsewhere it would tell who else was visited.
        if nonce := self._nonces.get(address.origin_of(url)):
            claims["nonce"] = nonce
        return self.key.sign({"typ": "dpop+jwt", "jwk": self.key.public_members()}, claims)

    def learn(self, url: str, headers: httpx2.Headers) -> bool:
        """Take the nonce in an answer of ``url``; say whether it is a new one."""
        nonce, place = headers.get(NONCE), address.origin_of(url)
        if not nonce or len(nonce) > _MAX_NONCE or self._nonces.get(place) == nonce:
            return False
        self._nonces[place] = nonce
        return True


def _target(url: str) -> str:
    """Return ``url`` without query and fragment. Spec: RFC 9449 §4.2"""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
