"""Accounts that users connected for the tools of a server, with the sealed tokens of the provider."""

import math
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, ColumnElement, bindparam, delete, insert, select, update

from doorward.authserver.keys.sealing_keys import Sealed, SealingKeys
from doorward.authserver.provider_tokens.links import ConnectLink
from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.store.connection import Connection as StoreConnection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_connections, users
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.sealed_tokens import seal_tokens, unseal_tokens
from doorward.authserver.upstream.sessions.sessions import check_due_at
from doorward.net.clock import CLOCK_SKEW, Clock

# A token that expires within this time is refreshed first: it could expire on the way.
EXPIRY_MARGIN = 30.0
_ANY = (
    select(provider_connections.c.id)
    .where(
        provider_connections.c.user_id == bindparam("the_user"),
        provider_connections.c.resource == bindparam("the_resource"),
    )
    .limit(1)
)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A connected account, for people. ``account`` is what they call it."""

    id: str
    username: str
    resource: str
    provider: str
    account: str
    created_at: float
    last_used_at: float | None


@dataclass(frozen=True, kw_only=True)
class ConnectedTokens:
    """The tokens of a connected account."""

    id: str
    provider: str
    subject: str
    tokens: ProviderTokens = field(repr=False)
    check_due_at: float


class Connections:
    """The table of connected accounts: at most one for a user, a server and a provider."""

    def __init__(
        self, store: Store, settings: AuthServerSettings, keys: SealingKeys, clock: Clock
    ) -> None:
        self._store = store
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def create(
        self,
        connection: StoreConnection,
        link: ConnectLink,
        provider: IdentityProvider,
        account: ProviderAccount,
        tokens: ProviderTokens,
    ) -> None:
        """Store the account that a link has connected, in place of an earlier one."""
        row_id, now = uuid4().hex, self._clock()
        # The earlier tokens are not revoked: at some providers that would end the new ones too.
        await connection.execute(
            delete(provider_connections).where(
                *_owned_by(link.user_id, link.resource, link.provider)
            )
        )
        await connection.execute(
            insert(provider_connections).values(
                id=row_id,
                user_id=link.user_id,
                resource=link.resource,
                provider=provider.name,
                issuer=provider.issuer_url,
                client_id=provider.client_id,
                subject=account.subject,
                account=account.label,
                sid=account.sid,
                acr=account.acr,
                amr=sorted(account.amr),
                **await seal_tokens(self._keys, connection, row_id, tokens),
                created_at=now,
                check_due_at=_due_at(tokens, now),
            )
        )

    async def find_id(self, user_id: str, resource: str, provider: str) -> str | None:
        """Return the id of the user's connection, or ``None``."""
        return await self._read(provider_connections.c.id, user_id, resource, provider)

    async def find_account(self, user_id: str, resource: str, provider: str) -> str | None:
        """Return what people call the connected account, or ``None``."""
        return await self._read(provider_connections.c.account, user_id, resource, provider)

    async def find(self, connection: StoreConnection, row_id: str) -> ConnectedTokens | None:
        """Return a connection; ``None`` if it has ended, or the settings have made it void."""
        query = select(provider_connections).where(provider_connections.c.id == row_id)
        row: Any = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        provider = self._settings.identity_provider(row.provider)
        # Tokens of another issuer or client must not be sent to the one that is configured now.
        valid = (
            provider is not None
            and provider.issuer_url == row.issuer
            and provider.client_id == row.client_id
            # A connection without a second factor does not count once the settings require one.
            and provider.unmet_authentication(row.acr, row.amr or ()) is None
            and self._settings.revoke_before <= row.created_at <= self._clock() + CLOCK_SKEW
        )
        sealed = Sealed(row.sealing_key_id, row.sealed_tokens)
        tokens = await unseal_tokens(self._keys, connection, row.id, sealed) if valid else None
        if tokens is None:
            return None
        return ConnectedTokens(
            id=row.id,
            provider=row.provider,
            subject=row.subject,
            tokens=tokens,
            check_due_at=row.check_due_at,
        )

    async def keep_tokens(self, row_id: str, tokens: ProviderTokens) -> bool:
        """Store the tokens that the provider has just issued; say whether the connection exists."""

        async def keep(connection: StoreConnection) -> bool:
            sealed = await seal_tokens(self._keys, connection, row_id, tokens)
            return await _change(connection, row_id, **sealed)

        return await self._store.write(keep)

    async def renew(self, row_id: str, tokens: ProviderTokens) -> None:
        """Note that the provider has said that the account is good."""
        due = _due_at(tokens, self._clock())
        await self._store.write(
            lambda connection: _change(connection, row_id, check_due_at=due, refreshing_until=None)
        )

    async def note_use(self, row_id: str) -> None:
        """Note that a tool got a token."""
        now = self._clock()
        await self._store.write(lambda connection: _change(connection, row_id, last_used_at=now))

    async def exist(self, user_id: str, resource: str) -> bool:
        """
        Say whether the user has connected an account for this server.

        Raises:
            StoreUnavailable: 503.
        """
        audience = {"the_user": user_id, "the_resource": resource}
        found = await self._store.look_up(lambda reading: reading.execute(_ANY, audience))
        return found.one_or_none() is not None

    async def _read(self, column: Column[str], *owned_by: str) -> str | None:
        query = select(column).where(*_owned_by(*owned_by))
        async with self._store.reading() as connection:
            found: str | None = (await connection.execute(query)).scalar()
        return found


async def list_connections(
    connection: StoreConnection, *conditions: ColumnElement[bool]
) -> tuple[Connection, ...]:
    """Return the connections that meet the conditions, newest first."""
    table = provider_connections
    query = (
        select(table, users.c.username)
        .join(users, users.c.id == table.c.user_id)
        .where(*conditions)
        .order_by(table.c.created_at.desc())
    )
    rows = (await connection.execute(query)).all()
    names = Connection.__dataclass_fields__
    return tuple(Connection(**{name: getattr(row, name) for name in names}) for row in rows)


async def _change(connection: StoreConnection, row_id: str, **values: Any) -> bool:
    """Change a connection; say whether it exists."""
    same = provider_connections.c.id == row_id
    changed = await connection.execute(update(provider_connections).where(same).values(**values))
    return changed.rowcount == 1


def _owned_by(user_id: str, resource: str, provider: str) -> tuple[ColumnElement[bool], ...]:
    table = provider_connections.c
    return (
        table.user_id == user_id,
        table.resource == resource,
        table.provider == provider,
    )


def _due_at(tokens: ProviderTokens, now: float) -> float:
    expires = math.inf if tokens.expires_at is None else tokens.expires_at - EXPIRY_MARGIN
    # A token that lives for seconds is not refreshed again before anybody has used it.
    return max(min(check_due_at(tokens, now), expires), now + 1)
