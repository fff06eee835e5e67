"""Request state: what a client carries between the round trips of one request, encrypted."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from doorward.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES = 32
_NONCE_BYTES = 12
_encode = msgspec.json.Encoder(order="deterministic").encode


class InvalidRequestState(Exception):
    """The text was altered, has expired, or was sealed with another key or for another request."""


class RequestStateCipher:
    """
    Seals JSON with the first key, and opens it with any key, so that keys can be rotated.

    Without a key it generates one: then only this process can open what it sealed.

    Raises:
        ConfigurationError: with reason ``unusable-state-key``.
    """

    def __init__(self, keys: bytes | Sequence[bytes] | None) -> None:
        given = [keys] if isinstance(keys, bytes) else keys
        found = [secrets.token_bytes(KEY_BYTES)] if given is None else list(given)
        if not found or any(len(key) != KEY_BYTES for key in found):
            raise ConfigurationError(
                "unusable-state-key",
                "A state key is not 32 bytes long, or there is none.",
                "Make one with secrets.token_bytes(32) and share it among the processes.",
            )
        self._keys = found

    @cached_property
    def _ciphers(self) -> "list[ChaCha20Poly1305]":
        # Imported late: only servers that ask clients for input need it, and it takes 5 % of the
        # start-up.
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        return [ChaCha20Poly1305(key) for key in self._keys]

    def seal(self, content: Any, bound_to: Any, *, until: float) -> str:
        """Return ``content``, which is JSON, sealed for ``bound_to`` and valid until then."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, _encode([until, content]), _encode(bound_to))
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def open(self, text: str, bound_to: Any, *, now: float) -> Any:
        """
        Return the content that was sealed for exactly ``bound_to``.

        Raises:
            InvalidRequestState: in every other case, without the reason.
        """
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequestState from None
        for cipher in self._ciphers:
            try:
                opened = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _encode(bound_to))
            except (InvalidTag, ValueError):
                continue
            until, content = msgspec.json.decode(opened)
            if now < until:
                return content
        raise InvalidRequestState
