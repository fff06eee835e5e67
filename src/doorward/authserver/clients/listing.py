"""The clients as operators see them: those with a row, and the documents in use."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.clients.registered_ids import claimed_registration
from doorward.authserver.clients.rows import read_metadata
from doorward.authserver.store.schema import clients, grants


@dataclass(frozen=True, kw_only=True)
class ListedClient:
    """
    A client, or a registration with all of its clients.

    ``grants`` counts the grants that are neither revoked nor expired. A client ID document is not
    stored here, so only its URL and its latest name are known.
    """

    client_id: str
    origin: str
    name: str | None
    auth_method: str | None
    redirect_uris: tuple[str, ...]
    grants: int
    created_at: float | None
    used_at: float | None
    expires_at: float | None


async def list_clients(connection: AsyncConnection, now: float) -> tuple[ListedClient, ...]:
    """Return all clients that are not expired, by id."""
    counts, names = await _grants_by_client(connection, now)
    rows = await connection.execute(
        select(clients).where(
            clients.c.origin != "removed",
            clients.c.expires_at.is_(None) | (clients.c.expires_at > now),
        )
    )
    listed: dict[str, ListedClient] = {}
    for row in rows:
        metadata = read_metadata(row.document)
        listed[row.client_id] = ListedClient(
            client_id=row.client_id,
            origin=row.origin,
            name=metadata.client_name,
            auth_method=metadata.token_endpoint_auth_method,
            redirect_uris=metadata.redirect_uris,
            grants=counts.pop(row.client_id, 0),
            created_at=row.created_at,
            used_at=row.used_at,
            expires_at=row.expires_at,
        )
    for client_id, count in counts.items():
        listed[client_id] = ListedClient(
            client_id=client_id,
            origin="document",
            name=names[client_id],
            auth_method="none",
            redirect_uris=(),
            grants=count,
            created_at=None,
            used_at=None,
            expires_at=None,
        )
    return tuple(listed[client_id] for client_id in sorted(listed))


async def _grants_by_client(
    connection: AsyncConnection, now: float
) -> tuple[dict[str, int], dict[str, str | None]]:
    rows = await connection.execute(
        select(grants.c.client_id, func.max(grants.c.client_name), func.count())
        .where(grants.c.revoked_at.is_(None), grants.c.expires_at > now)
        .group_by(grants.c.client_id)
    )
    counts: dict[str, int] = {}
    names: dict[str, str | None] = {}
    for client_id, name, count in rows:
        key = claimed_registration(client_id) or client_id
        counts[key] = counts.get(key, 0) + count
        names[key] = name
    return counts, names
