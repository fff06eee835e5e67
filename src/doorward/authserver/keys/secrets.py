"""Random secrets, their hashes, derived keys and authenticated encryption."""

import os
import secrets
from contextlib import suppress
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import SHORTEST_SECRET
from doorward.errors import ConfigurationError
from doorward.private_file import Exposed, read_private

_NONCE = 12


def new_secret() -> str:
    """Return 256 random bits in 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """
    Return the SHA-256 under which a random secret is stored.

    Without salt or stretching: 256 random bits cannot be guessed from their hash. Passwords can, so
    they are hashed with argon2.
    """
    return sha256(secret.encode("utf-8")).digest()


def derive(secret: str, purpose: str) -> bytes:
    """Return a 256-bit key for one purpose; keys for other purposes are independent of it."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(
        secret.encode("utf-8")
    )


def authenticate(key: bytes, *parts: str) -> str:
    """Return an HMAC over ``parts``, each with its length, so that they cannot be shifted."""
    message = b"".join(len(part).to_bytes(4, "big") + part.encode("utf-8") for part in parts)
    return hmac_digest(key, message, "sha256").hex()


def seal(key: bytes, plain: bytes, context: str) -> bytes:
    """Return ``plain`` encrypted and authenticated; decryption needs the same ``context``."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes | None:
    """Return the plaintext, or ``None`` if the key or the context differs."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode())
    except (InvalidTag, ValueError):
        return None


def master_secret(settings: AuthServerSettings) -> str:
    """
    Return the secret from which all keys of this server are derived.

    A secret file is created on first use with mode 0600. Without a database, the secret is random.

    Raises:
        ConfigurationError: ``secret-file``, it cannot be read, or other accounts can read it.
    """
    if settings.secret is not None:
        return settings.secret
    if settings.secret_file is None:
        return new_secret()
    with suppress(FileExistsError):
        _make(settings.secret_file)
    return _read(settings.secret_file)


def _make(path: Path) -> None:
    try:
        # O_EXCL: of two processes that start at once, the second reads the file of the first.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise _unusable(path, f"cannot be made ({error.strerror})") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(new_secret() + "\n")


def _read(path: Path) -> str:
    try:
        secret = read_private(path).decode("ascii").strip()
    except Exposed:
        raise _unusable(path, "can be read by other accounts") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, f"cannot be read ({type(error).__name__})") from None
    if len(secret) < SHORTEST_SECRET:
        raise _unusable(path, f"holds fewer than {SHORTEST_SECRET} characters")
    return secret


def _unusable(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(
        "secret-file",
        f"The secret file {path} {problem}.",
        "Make it readable by this account alone: chmod 600, in a folder that exists.",
    )
