"""Provider tokens that nothing here needs any more: they wait until the provider has revoked them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from doorward.authserver.store.connection import Connection
from doorward.authserver.store.schema import (
    ended_provider_tokens,
    provider_connections,
    provider_sessions,
)

# As long as a provider may be down: after that, its tokens have expired, or users end them there.
_KEPT = 86400.0
_COLUMNS = ("id", "provider", "issuer", "client_id", "sealed_tokens", "sealing_key_id")


async def end_connections(connection: Connection, which: ColumnElement[bool], now: float) -> int:
    """Delete connected accounts, whose tokens then wait for revocation; return how many they were."""
    # One statement reads and deletes: a refresh in between would leave its fresh tokens to nobody.
    deleted = await connection.execute(
        delete(provider_connections)
        .where(which)
        .returning(*(provider_connections.c[name] for name in _COLUMNS))
    )
    rows = deleted.all()
    # A key that a user pasted has no client: nobody revokes it, so it is gone at once.
    revocable = (row._asdict() for row in rows if row.client_id)
    await await_revocation(connection, revocable, now)
    return len(rows)


async def end_provider_sessions(
    connection: Connection, which: ColumnElement[bool], reason: str, now: float
) -> int:
    """
    End active sessions at identity providers; return how many they were.

    Their tokens then wait for revocation. Does not end the grants of the sessions.
    """
    table = provider_sessions.c
    active = (which, table.ended_at.is_(None))
    query = select(*(table[name] for name in _COLUMNS)).where(*active).with_for_update()
    rows = (await connection.execute(query)).all()
    await await_revocation(connection, (row._asdict() for row in rows), now)
    await connection.execute(
        update(provider_sessions)
        .where(table.id.in_([row.id for row in rows]))
        .values(ended_at=now, ended_for=reason, sealed_tokens=b"", refreshing_until=None)
    )
    return len(rows)


async def await_revocation(
    connection: Connection, rows: Iterable[Mapping[Any, Any]], now: float
) -> None:
    """Store sealed tokens until the provider has revoked them; a day at most."""
    values = [
        {
            **{name: row[name] for name in _COLUMNS},
            "retry_at": now,
            "expires_at": now + _KEPT,
        }
        for row in rows
    ]
    if values:
        await connection.execute(insert(ended_provider_tokens).values(values))
