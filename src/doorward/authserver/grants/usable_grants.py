"""The grant behind a code or a refresh token, read with its user."""

from typing import Any

from sqlalchemy import bindparam, select

from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import Grant
from doorward.authserver.store.schema import grants, users
from doorward.authserver.users.users import User
from doorward.net.clock import CLOCK_SKEW

USABLE = (
    select(
        grants.c.id,
        grants.c.user_id,
        grants.c.client_id,
        grants.c.redirect_uri,
        grants.c.resource,
        grants.c.scopes,
        grants.c.expires_at,
        grants.c.provider_session_id,
        grants.c.authentication,
        users.c.username,
        users.c.display_name,
        users.c.scopes.label("user_scopes"),
        users.c.roles,
        users.c.disabled,
        users.c.email,
    )
    .join(users, users.c.id == grants.c.user_id)
    .where(
        grants.c.revoked_at.is_(None),
        grants.c.expires_at > bindparam("now"),
        # Every grant from before the cut-off is void.
        grants.c.created_at >= bindparam("not_before"),
        grants.c.created_at <= bindparam("not_after"),
    )
)
"""Grants that are neither revoked nor expired, with their users; a condition says which one."""
_FIND = USABLE.where(grants.c.id == bindparam("the_id"))


async def find_usable_grant(
    connection: Connection, settings: AuthServerSettings, grant_id: str, now: float
) -> tuple[Grant, User | None] | None:
    """Return the grant and its user, or ``None`` if it is revoked or expired; no disabled user."""
    values = {"the_id": grant_id, **usable_at(settings, now)}
    row = (await connection.execute(_FIND, values)).one_or_none()
    return None if row is None else read_usable(row)


def usable_at(settings: AuthServerSettings, now: float) -> dict[str, float]:
    """Return the parameters of ``USABLE``."""
    return {"now": now, "not_before": settings.revoke_before, "not_after": now + CLOCK_SKEW}


def read_usable(row: Any) -> tuple[Grant, User | None]:
    """Return the grant of a row of ``USABLE``, and its user unless disabled."""
    grant = Grant(
        id=row.id,
        user_id=row.user_id,
        client_id=row.client_id,
        redirect_uri=row.redirect_uri,
        resource=row.resource,
        scopes=frozenset(row.scopes),
        expires_at=row.expires_at,
        provider_session_id=row.provider_session_id,
        authentication=row.authentication,
    )
    if row.disabled:
        return grant, None
    user = User(
        id=row.user_id,
        username=row.username,
        display_name=row.display_name,
        scopes=frozenset(row.user_scopes),
        roles=frozenset(row.roles),
        disabled=False,
        email=row.email,
    )
    return grant, user
