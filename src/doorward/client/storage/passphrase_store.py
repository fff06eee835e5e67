"""The token file encrypted with a passphrase, for machines without a keyring."""

import secrets
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.client.storage.file_store import PASSPHRASE_VARIABLE, FileStore
from doorward.client.storage.keyring_store import MIN_SEALED, seal, unseal
from doorward.errors import ConfigurationError

_SALT = 16
_HEADER = b"doorward tokens 2\n"
_MIN_PASSPHRASE = 12
MEMORY_KIB = 64 * 1024
"""What deriving a key takes. With less, passphrases are guessed faster: only tests lower it."""


class PassphraseStore(FileStore):
    """
    The token file, encrypted with AES-256-GCM under a key derived from a passphrase by Argon2id.

    ```python
    def from_passphrase() -> Store:
        return PassphraseStore(Path("tokens"), os.environ["TOKENS_PASSPHRASE"])
    ```

    The salt is in the file. The key is derived once per process, in about 50 ms and 64 MiB.

    Raises:
        ConfigurationError: with reason ``short-passphrase``, ``wrong-passphrase``,
            ``exposed-store``, ``unreadable-store`` or ``unwritable-store``.

    Spec: RFC 9106 §4
    """

    file_name = "tokens.encrypted"

    def __init__(self, directory: Path, passphrase: str) -> None:
        if len(passphrase) < _MIN_PASSPHRASE:
            raise ConfigurationError(
                "short-passphrase",
                f"{PASSPHRASE_VARIABLE} has {len(passphrase)} characters.",
                f"Use {_MIN_PASSPHRASE} or more: a short one can be guessed from a copy of the file.",
            )
        super().__init__(directory)
        self._passphrase = passphrase
        self._cached_key: tuple[bytes, AESGCM] | None = None

    def protection(self) -> str:
        """Return what protects the file, in words that follow its path."""
        return "encrypted with your passphrase"

    def _key(self, salt: bytes) -> AESGCM:
        if self._cached_key is None or self._cached_key[0] != salt:
            # RFC 9106 §4, the second recommended option.
            key = hash_secret_raw(
                # A passphrase that is not UTF-8 works too.
                self._passphrase.encode("utf-8", "surrogateescape"),
                salt,
                time_cost=3,
                memory_cost=MEMORY_KIB,
                parallelism=4,
                hash_len=32,
                type=Type.ID,
            )
            self._cached_key = salt, AESGCM(key)
        return self._cached_key[1]

    def _encrypt(self, plain: bytes) -> bytes:
        salt = self._cached_key[0] if self._cached_key else secrets.token_bytes(_SALT)
        return _HEADER + salt + seal(self._key(salt), plain, _HEADER)

    def _decrypt(self, content: bytes) -> bytes:
        sealed = content.removeprefix(_HEADER)
        if not content.startswith(_HEADER) or len(sealed) < _SALT + MIN_SEALED:
            raise ValueError("not a file encrypted with a passphrase")
        try:
            return unseal(self._key(sealed[:_SALT]), sealed[_SALT:], _HEADER)
        except ValueError as error:
            raise ConfigurationError(
                "wrong-passphrase",
                f"{PASSPHRASE_VARIABLE} does not decrypt {self.path}, or the file was changed.",
                "Set the passphrase of the file, or move the file away and sign in again.",
            ) from error
