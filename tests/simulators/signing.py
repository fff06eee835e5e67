"""The providers' signing keys, and the hash of an access token in an ID token."""

import base64
from functools import cache
from hashlib import sha256, sha384

from joserfc.jwk import ECKey, RSAKey

from tests.authserver.upstream.openid_provider import signing_key

_CURVES = {"ES256": "P-256", "ES384": "P-384"}
_HASHES = {"256": sha256, "384": sha384}


@cache
def key_for(algorithm: str) -> RSAKey | ECKey:
    """Return the provider's signing key; RSA keys are shared, because they take time."""
    if algorithm == "RS256":
        return signing_key()
    return ECKey.generate_key(_CURVES[algorithm], parameters={"kid": "ec", "use": "sig"})


def at_hash(algorithm: str, access_token: str) -> str:
    """Return the left half of the hash, as OpenID Connect Core 1.0 §3.1.3.6 says."""
    digest = _HASHES[algorithm[-3:]](access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
