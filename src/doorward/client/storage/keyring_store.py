"""A file that is sealed with a key in the operating system's keyring."""

import base64
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keyring.errors import KeyringError

from doorward.client.storage.file_store import SERVICE, FileStore, unreadable
from doorward.client.storage.folder import HOME_VARIABLE, unusable_keyring
from doorward.client.storage.lock import at_once, briefly
from doorward.errors import ConfigurationError

_ENTRY = "file-key"
_NONCE = 12
SHORTEST = _NONCE + 16
"""Octets of what is sealed: a nonce and a tag with nothing between them."""
# Says what was sealed and how, so that nothing else that the key ever sealed passes for it.
_FORM = b"doorward tokens 1\n"


class SealedStore(FileStore):
    """
    The private file, encrypted with AES-256-GCM; its key is one entry of the keyring.

    A copy of the file, from a backup or a stolen disk, is worth nothing without the keyring. Keyrings
    hold little (2,560 octets on Windows) and know no lock; a file holds all and is replaced whole.

    Raises:
        ConfigurationError: with reason ``unreadable-store``, ``exposed-store``,
            ``unwritable-store`` or ``unusable-keyring``.
    """

    file_name = "tokens.sealed"

    def __init__(self, directory: Path, backend: Any) -> None:
        super().__init__(directory)
        self._backend = backend
        self._key_lock = directory / "key.lock"
        self._known = self._kept() or self._made_at_once()
        name = getattr(backend, "name", type(backend).__name__)
        self.place = f"{self.place}, sealed with a key in the keyring ({name})"

    def _kept(self) -> AESGCM | None:
        """Return the key that is in the keyring, or ``None``."""
        try:
            kept = self._backend.get_password(SERVICE, _ENTRY)
        except (KeyringError, RuntimeError, OSError) as error:
            raise unusable_keyring(type(error).__name__) from error
        if kept is None:
            return None
        try:
            key = base64.b64decode(kept, validate=True)
        except ValueError as error:
            raise unreadable(self.path) from error
        if len(key) != 32:
            raise unreadable(self.path)
        return AESGCM(key)

    def _made_at_once(self) -> AESGCM | None:
        # A store is opened in event loops too. Who makes a key at this moment is waited for when
        # there is something to seal with it.
        with at_once(self._key_lock) as held:
            return self._made() if held else None

    def _made(self) -> AESGCM:
        # Two processes at their first start would each make a key, and one file be lost.
        if (kept := self._kept()) is not None:
            return kept
        key = secrets.token_bytes(32)
        self._keep(self._backend, base64.b64encode(key).decode())
        return AESGCM(key)

    @staticmethod
    def _keep(backend: Any, key: str) -> None:
        try:
            backend.set_password(SERVICE, _ENTRY, key)
        except KeyringError as error:
            raise ConfigurationError(
                "unwritable-store",
                "The keyring does not take the key for the token file.",
                f"Unlock it, or set {HOME_VARIABLE} to keep tokens in a private file.",
            ) from error

    def _closed(self, plain: bytes) -> bytes:
        if self._known is None:
            with briefly(self._key_lock):
                self._known = self._made()
        return _FORM + seal(self._known, plain, _FORM)

    def _opened(self, content: bytes) -> bytes:
        self._known = self._known or self._kept()
        if self._known is None or not content.startswith(_FORM):
            raise ValueError("not a sealed file, or there is no key")
        return unseal(self._known, content.removeprefix(_FORM), _FORM)


def seal(key: AESGCM, plain: bytes, form: bytes) -> bytes:
    """Return ``plain`` sealed, after a fresh nonce; ``form`` says what is sealed and how."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + key.encrypt(nonce, plain, form)


def unseal(key: AESGCM, sealed: bytes, form: bytes) -> bytes:
    """
    Return what ``seal`` was given.

    Raises:
        ValueError: another key sealed it, or it was changed or cut off.
    """
    if len(sealed) < SHORTEST:
        raise ValueError("a file that was cut off")
    try:
        return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], form)
    except InvalidTag as error:
        raise ValueError("sealed with another key, or changed") from error
