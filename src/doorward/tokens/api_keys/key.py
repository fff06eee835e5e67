"""The format of API keys, and the record that is stored of one."""

import hmac
import secrets
import string
import zlib
from dataclasses import dataclass, field
from hashlib import sha256

from doorward.errors import ConfigurationError, MalformedToken
from doorward.wire.oauth.scope import parse_scope

PREFIX = "dw_"
"""The prefix of every key, by which secret scanners find one in code and logs."""

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID, _SECRET, _CHECK = 12, 43, 6
# 43 letters out of 62 are 256 bits, which nobody can guess. So SHA-256 protects a secret as well as
# a slow hash would, and takes a microsecond.
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """
    The stored record of a key: everything but its secret.

    ```python
    def is_usable(key: ApiKey) -> bool:
        return key.revoked_at is None and key.expires_at > time.time()
    ```

    ``secret_sha256`` is in hexadecimal. Times are in seconds since 1970. ``name`` describes what the
    key is for. A key is its own subject: two keys of one job are two callers.

    Raises:
        ConfigurationError: with reason ``not-an-api-key``.
    """

    id: str
    secret_sha256: str = field(repr=False)
    name: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    created_at: float
    expires_at: float
    revoked_at: float | None = None

    def __post_init__(self) -> None:
        if not _of_letters(self.id, _ID):
            raise _not_a_key(f"id={self.id[:50]!r}")
        digest = self.secret_sha256
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise _not_a_key("secret_sha256 is not 64 hexadecimal digits in lower case")
        if not self.name or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise _not_a_key(f"its name is not 1 to {_LONGEST_NAME} printable characters")
        for scope in self.scopes:
            if parse_scope(scope) != frozenset({scope}):
                raise _not_a_key(f"{scope[:50]!r} is no scope")
        # The condition says what is allowed, so that NaN and infinity are refused.
        if not 0 < self.created_at < self.expires_at < 1e11:
            raise _not_a_key("it does not end after it was created")

    def proves(self, secret: str) -> bool:
        """Say whether ``secret`` is this key's, in constant time."""
        return hmac.compare_digest(sha256(secret.encode()).hexdigest(), self.secret_sha256)


@dataclass(frozen=True)
class PresentedKey:
    """The parts of a key that a caller sent. Nothing in it is verified."""

    id: str
    secret: str = field(repr=False)


def new_api_key(
    *,
    name: str,
    now: float,
    lifetime: float,
    scopes: frozenset[str] = frozenset(),
    roles: frozenset[str] = frozenset(),
) -> tuple[str, ApiKey]:
    """
    Return a new key for its holder, and the record to store.

    ```python
    secret, record = new_api_key(
        name="nightly", now=time.time(), lifetime=30 * 86400, scopes=frozenset({"mcp:read"})
    )
    print(f"Give this to the job, once: {secret}")
    keys = ApiKeyList([record])  # or store the record in your own database
    ```

    The key itself is stored nowhere: show it once. ``lifetime`` is in seconds; every key expires.

    Raises:
        ConfigurationError: with reason ``not-an-api-key``.
    """
    key_id, secret = _letters(_ID), _letters(_SECRET)
    kept = ApiKey(
        id=key_id,
        secret_sha256=sha256(secret.encode()).hexdigest(),
        name=name,
        scopes=scopes,
        roles=roles,
        created_at=now,
        expires_at=now + lifetime,
    )
    body = f"{PREFIX}{key_id}_{secret}"
    return f"{body}_{_checksum(body)}", kept


def read_api_key(text: str) -> PresentedKey:
    """
    Return the parts of ``dw_{id}_{secret}_{checksum}``.

    The checksum is no protection. It distinguishes a key that was cut or mistyped from one that is
    unknown, without a lookup.

    Raises:
        MalformedToken: 401 ``invalid_token``.
    """
    parts = text.split("_")
    if len(parts) != 4 or f"{parts[0]}_" != PREFIX:
        raise MalformedToken("not a key's four parts")
    _, key_id, secret, checksum = parts
    if not (_of_letters(key_id, _ID) and _of_letters(secret, _SECRET)):
        raise MalformedToken("a key with parts of another length or alphabet")
    if checksum != _checksum(text[: -len(checksum) - 1]):
        raise MalformedToken("a key whose checksum is wrong")
    return PresentedKey(key_id, secret)


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _of_letters(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isalnum()


def _checksum(body: str) -> str:
    """Return the CRC-32 of ``body`` in six letters."""
    number, found = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, rest = divmod(number, len(_LETTERS))
        found = _LETTERS[rest] + found
    return found


def _not_a_key(why: str) -> ConfigurationError:
    return ConfigurationError(
        "not-an-api-key",
        f"This cannot be kept as an API key: {why}.",
        "Make keys with: doorward api-key create.",
    )
