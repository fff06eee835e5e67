"""The key ring under which provider tokens are stored; it rotates without logging anybody out."""

import os
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import ColumnElement, Table, delete, exists, insert, select, update

from doorward.authserver.keys.secrets import derive, seal, unseal
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import (
    ended_provider_tokens,
    provider_connections,
    provider_sessions,
    sealing_keys,
)
from doorward.net.clock import Clock

_RELOAD_INTERVAL = 60.0
# Longer than any process seals with a key that another one has retired.
_OVERLAP = 3600.0


@dataclass(frozen=True)
class Sealed:
    """An encrypted value, and the id of its key."""

    key_id: str
    value: bytes = field(repr=False)


class SealingKeys:
    """
    The keys of one database, each encrypted under the server's secret.

    The newest one encrypts, and all of them decrypt. A key is deleted when it has been retired for an
    hour and nothing is encrypted under it.
    """

    def __init__(self, store: Store, secret: str, clock: Clock) -> None:
        self._store = store
        self._wrapping_key = derive(secret, "doorward provider tokens")
        self._clock = clock
        self._keys: dict[str, bytes] = {}
        self._current: str | None = None
        self._made_at: float | None = None
        self._loaded_at = float("-inf")

    @property
    def made_at(self) -> float | None:
        """When the key that encrypts was made; ``None`` if there is none."""
        return self._made_at

    async def start(self) -> None:
        """
        Load the keys, and make the first one.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        await self._store.exclusive(self._load_or_add)

    async def seal(self, connection: Connection, plain: bytes, context: str) -> Sealed:
        """Return ``plain`` encrypted under the newest key."""
        if not 0 <= self._clock() - self._loaded_at < _RELOAD_INTERVAL:
            await self._load(connection)
        assert self._current is not None, "start() has made a key, and rotate() leaves one"
        return Sealed(self._current, seal(self._keys[self._current], plain, context))

    async def unseal(self, connection: Connection, sealed: Sealed, context: str) -> bytes | None:
        """Return the plaintext, or ``None`` if the key is gone, or the secret is another one."""
        if sealed.key_id not in self._keys:
            await self._load(connection)
        key = self._keys.get(sealed.key_id)
        return None if key is None else unseal(key, sealed.value, context)

    async def rotate(self) -> str:
        """
        Add a key that encrypts from now on, and return its id; delete keys that nobody needs.

        Other processes use it within a minute.
        """
        return await self._store.exclusive(self._replace)

    async def _load_or_add(self, connection: Connection) -> None:
        await self._load(connection)
        if self._current is None:
            await self._add(connection)
            await self._load(connection)

    async def _replace(self, connection: Connection) -> str:
        now = self._clock()
        await connection.execute(
            update(sealing_keys).where(sealing_keys.c.retired_at.is_(None)).values(retired_at=now)
        )
        in_use = (
            _is_in_use(provider_sessions, provider_sessions.c.ended_at.is_(None))
            | _is_in_use(provider_connections)
            | _is_in_use(ended_provider_tokens)
        )
        await connection.execute(
            delete(sealing_keys).where(sealing_keys.c.retired_at < now - _OVERLAP, ~in_use)
        )
        return await self._add(connection)

    async def _add(self, connection: Connection) -> str:
        # Not kept here: if the transaction fails, nobody must encrypt under a key that is not stored.
        key_id, key = uuid4().hex[:16], os.urandom(32)
        await connection.execute(
            insert(sealing_keys).values(
                id=key_id,
                sealed_key=seal(self._wrapping_key, key, key_id),
                created_at=self._clock(),
            )
        )
        self._loaded_at = float("-inf")
        return key_id

    async def _load(self, connection: Connection) -> None:
        rows = await connection.execute(select(sealing_keys).order_by(sealing_keys.c.created_at))
        self._keys, self._current = {}, None
        for row in rows:
            key = unseal(self._wrapping_key, row.sealed_key, row.id)
            # Under another secret: what it encrypted is void, and the user signs in again.
            if key is None:
                continue
            self._keys[row.id] = key
            if row.retired_at is None:
                self._current, self._made_at = row.id, row.created_at
        self._loaded_at = self._clock()


def _is_in_use(rows: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a row is encrypted under the key."""
    return exists(select(rows.c.id).where(rows.c.sealing_key_id == sealing_keys.c.id, *conditions))
