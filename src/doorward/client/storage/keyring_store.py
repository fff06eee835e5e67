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
from doorward.client.storage.lock import blocking_lock, try_lock
from doorward.errors import ConfigurationError

_ENTRY = "file-key"
_NONCE = 12
MIN_SEALED = _NONCE + 16
"""Bytes; a nonce and a tag, around an empty plaintext."""
# Associated data: no other ciphertext of the same key passes for a token file.
_HEADER = b"doorward tokens 1\n"


class KeyringStore(FileStore):
    """
    The token file, encrypted with AES-256-GCM under a key in the system keyring.

    ```python
    def from_keyring() -> Store:
        return KeyringStore(Path("tokens"), keyring.get_keyring())
    ```

    A copy of the file, from a backup or a stolen disk, is useless without the keyring. The tokens
    themselves are not in the keyring: keyrings are small (2,560 bytes on Windows) and have no locks.

    Raises:
        ConfigurationError: with reason ``unreadable-store``, ``exposed-store``,
            ``unwritable-store`` or ``unusable-keyring``.
    """

    file_name = "tokens.sealed"

    def __init__(self, directory: Path, backend: Any) -> None:
        self._backend = backend
        super().__init__(directory)
        self._key_lock = directory / "key.lock"
        self._key = self._read_key() or self._create_key_if_unlocked()

    def protection(self) -> str:
        """Return what protects the file, in words that follow its path."""
        name = getattr(self._backend, "name", type(self._backend).__name__)
        return f"encrypted with a key in the keyring ({name})"

    def _read_key(self) -> AESGCM | None:
        """Return the key in the keyring, or ``None``."""
        try:
            stored = self._backend.get_password(SERVICE, _ENTRY)
        except (KeyringError, RuntimeError, OSError) as error:
            raise unusable_keyring(type(error).__name__) from error
        if stored is None:
            return None
        try:
            key = base64.b64decode(stored, validate=True)
        except ValueError as error:
            raise unreadable(self.path) from error
        if len(key) != 32:
            raise unreadable(self.path)
        return AESGCM(key)

    def _create_key_if_unlocked(self) -> AESGCM | None:
        # Does not wait, because stores are opened in event loops too. If another process creates a
        # key now, the first write waits for it.
        with try_lock(self._key_lock) as held:
            return self._create_key() if held else None

    def _create_key(self) -> AESGCM:
        # Two processes at their first start would create two keys, and one file would be lost.
        if (stored := self._read_key()) is not None:
            return stored
        key = secrets.token_bytes(32)
        self._write_key(self._backend, base64.b64encode(key).decode())
        return AESGCM(key)

    @staticmethod
    def _write_key(backend: Any, key: str) -> None:
        try:
            backend.set_password(SERVICE, _ENTRY, key)
        except KeyringError as error:
            raise ConfigurationError(
                "unwritable-store",
                "The keyring refused to store the key of the token file.",
                f"Unlock the keyring, or set {HOME_VARIABLE} to store tokens in an unencrypted "
                "private file.",
            ) from error

    def _encrypt(self, plain: bytes) -> bytes:
        if self._key is None:
            with blocking_lock(self._key_lock):
                self._key = self._create_key()
        return _HEADER + seal(self._key, plain, _HEADER)

    def _decrypt(self, content: bytes) -> bytes:
        self._key = self._key or self._read_key()
        if self._key is None or not content.startswith(_HEADER):
            raise ValueError("not an encrypted file, or no key")
        return unseal(self._key, content.removeprefix(_HEADER), _HEADER)


def seal(key: AESGCM, plain: bytes, header: bytes) -> bytes:
    """Return a fresh nonce and the ciphertext of ``plain``; ``header`` is the associated data."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + key.encrypt(nonce, plain, header)


def unseal(key: AESGCM, sealed: bytes, header: bytes) -> bytes:
    """
    Return the plaintext that ``seal`` encrypted.

    Raises:
        ValueError: wrong key or associated data, or the ciphertext was changed or truncated.
    """
    if len(sealed) < MIN_SEALED:
        raise ValueError("a truncated file")
    try:
        return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], header)
    except InvalidTag as error:
        raise ValueError("encrypted with another key, or changed") from error
