"""The verifier of API keys, and the interface of what stores them."""

import time
from collections.abc import Iterable
from typing import Protocol

from doorward.identity import Identity
from doorward.net import Clock
from doorward.tokens.api_keys.key import ApiKey, read_api_key
from doorward.tokens.refusals import ApiKeyExpired, ApiKeyRevoked, UnknownApiKey

ISSUER = "doorward:api-key"
"""The issuer of every key: this server. No authorization server can have this name."""


class ApiKeys(Protocol):
    """The keys of one server."""

    @property
    def generation(self) -> int:
        """A number that changes with the keys; cached identities are then invalid."""

    def find(self, key_id: str) -> ApiKey | None:
        """
        Return what is kept of the key with this id.

        Raises:
            ApiKeysUnavailable: the keys cannot be read.
        """


class ApiKeyList:
    """
    Keys in memory, for tests and for custom storage.

    ```python
    keys: ApiKeys = ApiKeyList()
    guard = Guard(
        resource="https://mcp.example/mcp",
        issuer="https://login.example",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
        api_keys=keys,
    )
    ```
    """

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._generation = 0
        self.replace(keys)

    @property
    def generation(self) -> int:
        """How often the keys were replaced."""
        return self._generation

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Replace all keys by ``keys``."""
        self._keys = {key.id: key for key in keys}
        self._generation += 1

    def find(self, key_id: str) -> ApiKey | None:
        """Return what is kept of the key with this id."""
        return self._keys.get(key_id)


# Compared with when the id is unknown, so that timing does not show which ids exist.
_UNKNOWN = ApiKey(
    id="0" * 12, secret_sha256="0" * 64, name="nobody", created_at=1.0, expires_at=2.0
)


class ApiKeyVerifier:
    """
    Verifies API keys.

    A key is sent like every other credential, in ``Authorization: Bearer``. There is no X-API-Key:
    with two headers, one request could carry two callers, and proxies redact only the standard one.
    """

    # For the cache: an entry is valid until the key expires or the keys change.
    trusted_until = float("inf")

    def __init__(self, keys: ApiKeys, *, clock: Clock = time.time) -> None:
        self._keys = keys
        self._clock = clock

    @property
    def generation(self) -> int:
        """The generation of the keys."""
        return self._keys.generation

    def verify(self, token: str) -> Identity:
        """
        Return the caller that the key identifies.

        Raises:
            TokenRejected: 401 ``invalid_token``; the subclass names the reason.
            ApiKeysUnavailable: 503.
        """
        presented = read_api_key(token)
        found = self._keys.find(presented.id)
        proved = (found or _UNKNOWN).proves(presented.secret)
        if found is None or not proved:
            raise UnknownApiKey(
                f"id={presented.id!r}, {'no such key' if found is None else 'another secret'}"
            )
        # Only a caller with the secret learns that the key is revoked or expired.
        if found.revoked_at is not None:
            raise ApiKeyRevoked(f"id={found.id!r}, revoked at {found.revoked_at:.0f}")
        if not self._clock() < found.expires_at:
            raise ApiKeyExpired(f"id={found.id!r}, expired at {found.expires_at:.0f}")
        return Identity(
            issuer=ISSUER,
            subject=found.id,
            client_id=None,
            scopes=found.scopes,
            roles=found.roles,
            expires_at=found.expires_at,
            kind="key",
            name=found.name,
        )
