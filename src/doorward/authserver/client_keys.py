"""The public keys that a client registers, by value."""

from collections.abc import Mapping
from typing import Any

from doorward.jose.key_set import InvalidKeySet, KeySet
from doorward.wire.oauth.client_metadata import ClientMetadata, InvalidClientMetadata


def require_usable_keys(metadata: ClientMetadata) -> None:
    """
    Return if the metadata has no ``jwks``, or one with a key that can verify an assertion.

    Raises:
        InvalidClientMetadata: 400; the client could never authenticate.
    """
    if metadata.jwks is not None and (problem := problem_with_keys(metadata.jwks)) is not None:
        raise InvalidClientMetadata(f"jwks has {problem}.")


def problem_with_keys(jwks: Mapping[str, Any]) -> str | None:
    """Return why a key set cannot be used, without its values, or ``None``."""
    try:
        keys = KeySet(jwks)
    except InvalidKeySet:
        return "no list of keys, or too many"
    return None if keys.algorithms else "no public key that can verify a signature"
