"""A file that is sealed with a key in the operating system's keyring."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keyring.errors import KeyringError

from doorward.client.lock import briefly
from doorward.client.store import HOME_VARIABLE, SERVICE, FileStore, Record, unreadable
from doorward.errors import ConfigurationError

_ENTRY = "file-key"
_NONCE = 12
# Says what was sealed and how, so that nothing else that the key ever sealed passes for it.
_FORM = b"doorward tokens 1\n"


class SealedStore(FileStore):
    """
    The private file, encrypted with AES-256-GCM; its key is one entry of the keyring.

    A copy of the file, from a backup or a stolen disk, is worth nothing without the keyring. Keyrings
    hold little (2,560 octets on Windows) and know no lock; a file holds all and is replaced whole.

    Raises:
        ConfigurationError: with reason ``unreadable-store``, ``exposed-store`` or
            ``unwritable-store``.
    """

    file_name = "tokens.sealed"

    def __init__(self, directory: Path, backend: Any) -> None:
        super().__init__(directory)
        self._seal = AESGCM(self._key(backend))
        name = getattr(backend, "name", type(backend).__name__)
        self.place = f"{self.place}, sealed with a key in the keyring ({name})"

    def _key(self, backend: Any) -> bytes:
        # Two processes at their first start would each make a key, and one file be lost.
        with briefly(self.directory / "key.lock"):
            kept = backend.get_password(SERVICE, _ENTRY)
            if kept is None:
                kept = base64.b64encode(secrets.token_bytes(32)).decode()
                self._keep(backend, kept)
        try:
            key = base64.b64decode(kept, validate=True)
        except ValueError as error:
            raise unreadable(self.path) from error
        if len(key) != 32:
            raise unreadable(self.path)
        return key

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

    def _encode(self, records: dict[str, Record]) -> bytes:
        return _FORM + seal(self._seal, records, _FORM)

    def _decode(self, content: bytes) -> Any:
        if not content.startswith(_FORM):
            raise ValueError("not a sealed file")
        return unseal(self._seal, content.removeprefix(_FORM), _FORM)


def seal(key: AESGCM, records: dict[str, Record], form: bytes) -> bytes:
    """Return ``records`` sealed, after a fresh nonce; ``form`` says what is sealed and how."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + key.encrypt(nonce, json.dumps(records).encode(), form)


def unseal(key: AESGCM, sealed: bytes, form: bytes) -> Any:
    """
    Return what ``seal`` was given.

    Raises:
        ValueError: another key sealed it, or it was changed.
    """
    try:
        return json.loads(key.decrypt(sealed[:_NONCE], sealed[_NONCE:], form))
    except InvalidTag as error:
        raise ValueError("sealed with another key, or changed") from error
