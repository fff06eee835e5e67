"""
Grants: what a user allowed one installation of a client; its tokens are revoked together.

Every sign-in makes a grant of its own. Two devices can share a client ID, so nothing that one of
them does may end or change the grant of the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Float,
    bindparam,
    case,
    exists,
    insert,
    select,
    update,
)

from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection, Rows
from doorward.authserver.store.rows.revoked_tokens import add_revoked_tokens
from doorward.authserver.store.schema import grants
from doorward.wire.oauth.redirect_uri import without_port

_CREATE = insert(grants)
_UNTIL = bindparam("until", type_=Float)
# A grant that is being revoked right now does not know the new token, so it must not be issued.
RECORD_TOKEN = (
    update(grants)
    .where(grants.c.revoked_at.is_(None))
    .values(
        tokens_until=case((grants.c.tokens_until > _UNTIL, grants.c.tokens_until), else_=_UNTIL),
        last_used_at=bindparam("now", type_=Float),
    )
)
"""Notes that a token is issued which expires at ``until``; which grant has to be added."""
_RECORD_TOKEN = RECORD_TOKEN.where(grants.c.id == bindparam("the_id"))
_USES = select(grants.c.user_id, grants.c.resource, grants.c.provider_session_id).where(
    grants.c.id == bindparam("the_id")
)


def _revoke(which: ColumnElement[bool], now: Any, reason: Any) -> Executable:
    return (
        update(grants)
        .where(which, grants.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_for=reason)
        .returning(grants.c.id, grants.c.tokens_until)
    )


_REVOKE = _revoke(grants.c.id == bindparam("the_id"), bindparam("now"), bindparam("reason"))


@dataclass(frozen=True, kw_only=True)
class Grant:
    """
    An active grant. ``scopes`` is the most that its tokens may have.

    ``authentication`` is of an OpenID sign-in: the claims that say when and how the user was authenticated.
    """

    id: str
    user_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scopes: frozenset[str]
    expires_at: float
    provider_session_id: str | None = None
    authentication: Mapping[str, Any] | None = None


async def create_grant(
    connection: Connection,
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
    authentication: Mapping[str, Any] | None = None,
) -> str:
    """Store a new grant, and return its id."""
    grant_id = uuid4().hex
    row = {
        "id": grant_id,
        "user_id": user_id,
        "client_id": client_id,
        "redirect_uri": without_port(redirect_uri),
        "resource": resource,
        "scopes": sorted(scopes),
        "client_name": client_name,
        "browser": browser,
        "created_at": now,
        "expires_at": now + settings.lifetimes.refresh_absolute,
        "provider_session_id": provider_session_id,
        "authentication": authentication,
    }
    await connection.execute(_CREATE, row)
    return grant_id


async def revoke_grant(connection: Connection, grant_id: str, reason: str, now: float) -> bool:
    """Revoke a grant with all of its tokens; say whether it was active."""
    revoked = await connection.execute(_REVOKE, {"the_id": grant_id, "now": now, "reason": reason})
    return await _list_tokens(connection, revoked) == 1


async def revoke_grants(
    connection: Connection, which: ColumnElement[bool], reason: str, now: float
) -> int:
    """Revoke grants with all of their tokens; return how many were active."""
    revoked = await connection.execute(_revoke(which, now, reason))
    return await _list_tokens(connection, revoked)


async def _list_tokens(connection: Connection, revoked: Rows) -> int:
    rows = revoked.all()
    # A grant without an access token has none to revoke.
    until = {row.id: row.tokens_until for row in rows if row.tokens_until is not None}
    await add_revoked_tokens(connection, until)
    return len(rows)


async def used_by(
    connection: Connection, grant_id: str
) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Return the session at an identity provider that this grant hangs on, and user and resource."""
    rows = (await connection.execute(_USES, {"the_id": grant_id})).all()
    sessions = [row.provider_session_id for row in rows if row.provider_session_id is not None]
    return frozenset(sessions), frozenset((row.user_id, row.resource) for row in rows)


async def provider_sessions_of(
    connection: Connection, which: ColumnElement[bool]
) -> frozenset[str]:
    """Return the sessions at identity providers that these grants hang on."""
    column = grants.c.provider_session_id
    found = await connection.execute(select(column).where(which, column.is_not(None)))
    return frozenset(row.provider_session_id for row in found)


def has_active_grant(
    user_id: Column[Any], resource: Column[Any], now: float
) -> ColumnElement[bool]:
    """Return the condition that an application of the user has access to the resource."""
    return exists(
        select(grants.c.id).where(
            grants.c.user_id == user_id,
            grants.c.resource == resource,
            grants.c.revoked_at.is_(None),
            grants.c.expires_at > now,
        )
    )


async def audiences_of(
    connection: Connection, which: ColumnElement[bool]
) -> frozenset[tuple[str, str]]:
    """Return user and resource of each of these grants."""
    found = await connection.execute(select(grants.c.user_id, grants.c.resource).where(which))
    return frozenset((row.user_id, row.resource) for row in found)


async def record_access_token(
    connection: Connection, grant_id: str, expires_at: float, now: float
) -> bool:
    """Note that an access token of the grant is issued; say whether the grant is not revoked."""
    changed = await connection.execute(
        _RECORD_TOKEN, {"the_id": grant_id, "until": expires_at, "now": now}
    )
    return changed.rowcount == 1
