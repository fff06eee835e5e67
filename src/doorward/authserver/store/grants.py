"""
Grants: what a user allowed one installation of a client; its tokens are revoked together.

Every sign-in makes a grant of its own. Two devices can share a client ID, so nothing that one of
them does may end or change the grant of the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import ColumnElement, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.settings import AuthServerSettings
from doorward.authserver.store.revoked_tokens import add_revoked_tokens
from doorward.authserver.store.schema import grants
from doorward.net.clock import CLOCK_SKEW
from doorward.wire.oauth.redirect_uri import without_port


@dataclass(frozen=True, kw_only=True)
class Grant:
    """An active grant. ``scopes`` is the most that its tokens may have."""

    id: str
    user_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scopes: frozenset[str]
    expires_at: float
    provider_session_id: str | None = None


async def create_grant(
    connection: AsyncConnection,
    settings: AuthServerSettings,
    *,
    user_id: str,
    client_id: str,
    redirect_uri: str,
    resource: str,
    scopes: Iterable[str],
    client_name: str | None,
    browser: str | None,
    now: float,
    provider_session_id: str | None = None,
) -> str:
    """Store a new grant, delete long expired ones, and return its id."""
    grant_id = uuid4().hex
    # A day longer than its last token, so that introspection still finds it.
    await connection.execute(delete(grants).where(grants.c.expires_at < now - 86400))
    await connection.execute(
        insert(grants).values(
            id=grant_id,
            user_id=user_id,
            client_id=client_id,
            redirect_uri=without_port(redirect_uri),
            resource=resource,
            scopes=sorted(scopes),
            client_name=client_name,
            browser=browser,
            created_at=now,
            expires_at=now + settings.lifetimes.refresh_absolute,
            provider_session_id=provider_session_id,
        )
    )
    return grant_id


async def find_active_grant(
    connection: AsyncConnection, settings: AuthServerSettings, grant_id: str, now: float
) -> Grant | None:
    """Return the grant, or ``None`` if it is revoked or expired."""
    row = (
        await connection.execute(
            select(grants).where(
                grants.c.id == grant_id,
                grants.c.revoked_at.is_(None),
                grants.c.expires_at > now,
                # Every grant from before the cut-off is void.
                grants.c.created_at >= settings.revoke_before,
                grants.c.created_at <= now + CLOCK_SKEW,
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
        provider_session_id=row.provider_session_id,
    )


async def revoke_grant(connection: AsyncConnection, grant_id: str, reason: str, now: float) -> bool:
    """Revoke a grant with all of its tokens; say whether it was active."""
    return await revoke_grants(connection, grants.c.id == grant_id, reason, now) == 1


async def revoke_grants(
    connection: AsyncConnection, which: ColumnElement[bool], reason: str, now: float
) -> int:
    """Revoke grants with all of their tokens; return how many were active."""
    revoked = (
        await connection.execute(
            update(grants)
            .where(which, grants.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_for=reason)
            .returning(grants.c.id, grants.c.tokens_until)
        )
    ).all()
    # A grant without an access token has none to revoke.
    until = {row.id: row.tokens_until for row in revoked if row.tokens_until is not None}
    await add_revoked_tokens(connection, until, now)
    return len(revoked)


async def provider_sessions_of(
    connection: AsyncConnection, which: ColumnElement[bool]
) -> frozenset[str]:
    """Return the sessions at identity providers that these grants hang on."""
    column = grants.c.provider_session_id
    found = await connection.execute(select(column).where(which, column.is_not(None)))
    return frozenset(found.scalars())


async def record_access_token(
    connection: AsyncConnection, grant_id: str, expires_at: float, now: float
) -> bool:
    """Note that an access token of the grant is issued; say whether the grant is not revoked."""
    until = grants.c.tokens_until
    # A grant that is being revoked right now does not know this token, so it must not be issued.
    changed = await connection.execute(
        update(grants)
        .where(grants.c.id == grant_id, grants.c.revoked_at.is_(None))
        .values(tokens_until=case((until > expires_at, until), else_=expires_at), last_used_at=now)
    )
    return changed.rowcount == 1
