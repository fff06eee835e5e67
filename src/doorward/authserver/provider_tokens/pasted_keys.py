"""Keys that users pasted for the server behind a resource, sealed like the tokens of providers."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select, update

from doorward.authserver.keys.sealing_keys import Sealed, SealingKeys
from doorward.authserver.provider_tokens.links import ConnectLink
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_connections
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.sealed_tokens import seal_tokens, unseal_tokens
from doorward.net.clock import CLOCK_SKEW, Clock

# A use is noted once in this time: a write for each call would cost more than the call.
_NOTED = 3600.0


@dataclass(frozen=True)
class KeptKey:
    """A key that a user pasted, and when a call last used it, in seconds since 1970."""

    id: str
    tokens: ProviderTokens = field(repr=False)
    last_used_at: float | None


class PastedKeys:
    """The keys among the connections: at most one for a user and a resource."""

    def __init__(
        self, store: Store, settings: AuthServerSettings, keys: SealingKeys, clock: Clock
    ) -> None:
        self._store = store
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def keep(self, connection: Connection, link: ConnectLink, key: str) -> None:
        """Store the key that the user of a link has pasted, in place of an earlier one."""
        pasted = self._settings.pasted_key(link.resource)
        assert pasted is not None, "links are found only where a key is pasted"
        row_id, now = uuid4().hex, self._clock()
        await connection.execute(
            delete(provider_connections).where(*_owned_by(link.user_id, link.resource))
        )
        await connection.execute(
            insert(provider_connections).values(
                id=row_id,
                user_id=link.user_id,
                resource=link.resource,
                provider=PASTED_KEY,
                issuer=pasted.origin,
                client_id="",
                subject="",
                account=pasted.title,
                amr=[],
                **await seal_tokens(
                    self._keys, connection, row_id, ProviderTokens(access_token=key)
                ),
                created_at=now,
                check_due_at=now,
            )
        )

    async def find(self, connection: Connection, user_id: str, resource: str) -> KeptKey | None:
        """Return the user's key; ``None`` if there is none, or the settings have made it void."""
        query = select(provider_connections).where(*_owned_by(user_id, resource))
        row: Any = (await connection.execute(query)).one_or_none()
        pasted = self._settings.pasted_key(resource)
        # The operator can name another server later. It must not get the keys of the first.
        if row is None or pasted is None or row.issuer != pasted.origin:
            return None
        if not self._settings.revoke_before <= row.created_at <= self._clock() + CLOCK_SKEW:
            return None
        sealed = Sealed(row.sealing_key_id, row.sealed_tokens)
        tokens = await unseal_tokens(self._keys, connection, row.id, sealed)
        return None if tokens is None else KeptKey(row.id, tokens, row.last_used_at)

    async def note_use(self, key: KeptKey) -> None:
        """Note that a call used the key, at most once in an hour."""
        now = self._clock()
        if key.last_used_at is None or key.last_used_at < now - _NOTED:
            same = provider_connections.c.id == key.id
            noted = update(provider_connections).where(same).values(last_used_at=now)
            await self._store.write(lambda connection: connection.execute(noted))


def _owned_by(user_id: str, resource: str) -> tuple[Any, ...]:
    table = provider_connections.c
    return (table.user_id == user_id, table.resource == resource, table.provider == PASTED_KEY)
