"""Proof Key for Code Exchange (PKCE) with S256, the only method that is accepted."""

import hashlib
import re
from base64 import urlsafe_b64encode

METHOD = "S256"

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def is_verifier(text: str) -> bool:
    """
    Return whether ``text`` has the form of a code verifier: 43 to 128 unreserved characters.

    Spec: RFC 7636 §4.1
    """
    return _VERIFIER.fullmatch(text) is not None


def is_challenge(text: str) -> bool:
    """
    Return whether ``text`` has the form of an S256 challenge: 43 base64url characters.

    Spec: RFC 7636 §4.2
    """
    return _CHALLENGE.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """
    Return the S256 challenge of ``verifier``.

    Spec: RFC 7636 §4.2
    """
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
