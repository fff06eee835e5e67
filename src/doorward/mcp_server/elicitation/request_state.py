"""State that a client carries for the server, and can neither read nor alter nor lend."""

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
    """A sealed text is altered, of another key, over, or belongs to something else."""


class RequestStateCipher:
    """
    Seals under the first key, opens under any of them, so that keys can be changed in passing.

    Without a key one is drawn: then only this process can open what it sealed.

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
        # Brought in by the first question to a client: most servers never ask one, and it is a
        # twentieth of what a server loads at its start.
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        return [ChaCha20Poly1305(key) for key in self._keys]

    def close(self, content: Any, bound_to: Any, *, until: float) -> str:
        """Return ``content``, which is JSON, sealed for ``bound_to`` and valid until then."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, _encode([until, content]), _encode(bound_to))
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def open(self, text: str, bound_to: Any, *, now: float) -> Any:
        """
        Return the content that was sealed for exactly ``bound_to``.

        Raises:
            NotOurs: anything else; no caller is told which.
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
