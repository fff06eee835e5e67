"""The grants in use, for the people who gave them and for operators; and how to end them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, delete, exists, or_, select

from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import revoke_grants
from doorward.authserver.store.schema import consents, grants, refresh_tokens, users


@dataclass(frozen=True, kw_only=True)
class ActiveGrant:
    """A grant whose client holds a usable token. ``client_name`` and ``browser`` are for people."""

    id: str
    username: str
    client_id: str
    client_name: str | None
    redirect_uri: str
    resource: str
    scopes: tuple[str, ...]
    browser: str | None
    created_at: float
    last_used_at: float | None
    expires_at: float


async def list_active_grants(
    connection: Connection, now: float, *conditions: ColumnElement[bool]
) -> tuple[ActiveGrant, ...]:
    """
    Return the grants in use that meet the conditions, by client and newest first.

    A grant without a usable token gives no access, such as one whose code was never redeemed.
    """
    query = (
        select(grants, users.c.username)
        .join(users, users.c.id == grants.c.user_id)
        .where(*conditions, _is_active(now), _has_token(now))
        .order_by(grants.c.client_id, grants.c.created_at.desc())
    )
    rows = (await connection.execute(query)).all()
    return tuple(_active_grant(row._asdict()) for row in rows)


async def end_grants(
    connection: Connection, which: ColumnElement[bool], reason: str, now: float
) -> int:
    """
    Revoke grants with their tokens, and forget their consents; return how many were active.

    A consent stays while another installation of the same client uses it.
    """
    ended = await revoke_grants(connection, which, reason, now)
    other = grants.alias()
    of_ended = select(grants.c.id).where(which, *_same_consent(grants))
    in_use = select(other.c.id).where(
        *_same_consent(other), other.c.revoked_at.is_(None), other.c.expires_at > now
    )
    await connection.execute(
        delete(consents).where(
            exists(of_ended.correlate(consents)), ~exists(in_use.correlate(consents))
        )
    )
    return ended


def _same_consent(table: FromClause) -> list[ColumnElement[bool]]:
    names = ("user_id", "client_id", "redirect_uri", "resource")
    return [table.c[name] == consents.c[name] for name in names]


def _is_active(now: float) -> ColumnElement[bool]:
    return and_(grants.c.revoked_at.is_(None), grants.c.expires_at > now)


def _has_token(now: float) -> ColumnElement[bool]:
    usable = exists(
        select(refresh_tokens.c.grant_id).where(
            refresh_tokens.c.grant_id == grants.c.id,
            refresh_tokens.c.rotated_at.is_(None),
            refresh_tokens.c.expires_at > now,
        )
    )
    return or_(grants.c.tokens_until > now, usable)


def _active_grant(row: Any) -> ActiveGrant:
    names = ActiveGrant.__dataclass_fields__
    return ActiveGrant(**{**{name: row[name] for name in names}, "scopes": tuple(row["scopes"])})
