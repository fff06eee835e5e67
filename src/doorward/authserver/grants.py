"""A grant: what one user allowed one client at one time, and every token that came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.settings import AuthServerSettings
from doorward.authserver.store.schema import grants
from doorward.wire.redirect_uri import without_port


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A grant that was not revoked and is not over. ``scopes`` is the most its tokens may carry."""

    id: str
    user_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scopes: frozenset[str]
    expires_at: float


async def begin_grant(
    connection: AsyncConnection,
    settings: AuthServerSettings,
    *,
    user_id: str,
    client_id: str,
    redirect_uri: str,
    resource: str,
    scopes: Iterable[str],
    now: float,
) -> str:
    """Keep a new grant, clear away those long over, and return its id."""
    grant_id = uuid4().hex
    # A day longer than its last token: introspection still has something to look up.
    await connection.execute(delete(grants).where(grants.c.expires_at < now - 86400))
    await connection.execute(
        insert(grants).values(
            id=grant_id,
            user_id=user_id,
            client_id=client_id,
            redirect_uri=without_port(redirect_uri),
            resource=resource,
            scopes=sorted(scopes),
            created_at=now,
            expires_at=now + settings.lifetimes.refresh_absolute,
        )
    )
    return grant_id


async def live_grant(
    connection: AsyncConnection, settings: AuthServerSettings, grant_id: str, now: float
) -> Grant | None:
    """Return the grant when it may still give tokens, or ``None``."""
    row = (
        await connection.execute(
            select(grants).where(
                grants.c.id == grant_id,
                grants.c.revoked_at.is_(None),
                grants.c.expires_at > now,
                # Everything from before the cut-off is void, whatever it says of itself.
                grants.c.created_at >= settings.revoke_before,
                grants.c.created_at <= now + 60,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return Grant(
        id=row.id,
        user_id=row.user_id,
        client_id=row.client_id,
        redirect_uri=row.redirect_uri,
        resource=row.resource,
        scopes=frozenset(row.scopes),
        expires_at=row.expires_at,
    )


async def revoke_grant(connection: AsyncConnection, grant_id: str, reason: str, now: float) -> bool:
    """Revoke a grant with every token of it; say whether it was alive until now."""
    changed = await connection.execute(
        update(grants)
        .where(grants.c.id == grant_id, grants.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_for=reason)
    )
    return changed.rowcount == 1
