"""The users as operators see them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.store.schema import users
from doorward.authserver.users.users import canonical_username


@dataclass(frozen=True, kw_only=True)
class ListedUser:
    """A user, and whether they have a password here."""

    id: str
    username: str
    display_name: str | None
    email: str | None
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    has_password: bool
    disabled: bool
    created_at: float


async def list_users(
    connection: AsyncConnection, username: str | None = None
) -> tuple[ListedUser, ...]:
    """Return all users, or the one of that name; the password hash is left out."""
    query = select(users).order_by(users.c.username)
    if username is not None:
        query = query.where(users.c.username == canonical_username(username))
    rows = (await connection.execute(query)).all()
    return tuple(
        ListedUser(
            id=row.id,
            username=row.username,
            display_name=row.display_name,
            email=row.email,
            scopes=tuple(row.scopes),
            roles=tuple(row.roles),
            has_password=row.password_hash is not None,
            disabled=row.disabled,
            created_at=row.created_at,
        )
        for row in rows
    )
