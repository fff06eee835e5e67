"""The users of this server: their scopes, roles and passwords."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import bindparam, delete, insert, select, update

from doorward.authserver.keys.secrets import new_secret
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import end_connections, end_provider_sessions
from doorward.authserver.store.rows.grants import revoke_grants
from doorward.authserver.store.schema import (
    grants,
    known_browsers,
    provider_connections,
    provider_sessions,
    sessions,
    users,
)
from doorward.authserver.users.email_address import is_email_address
from doorward.errors import ConfigurationError
from doorward.net.clock import Clock

LONGEST_PASSWORD = 1024

_BY_ID = select(users).where(users.c.id == bindparam("the_id"))

_hasher = PasswordHasher()
# Each hash uses 64 MiB for tens of milliseconds. Without a limit, sign-ins could exhaust the memory.
_MOST_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class User:
    """
    A user. ``scopes`` is the most that a client can get on behalf of this user.

    ``email`` is verified, by an identity provider or by the operator.
    """

    id: str
    username: str
    display_name: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    disabled: bool
    email: str | None = None


class Users:
    """The table of users."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)
        # Verified when there is no hash of a user's own, so that the response takes as long.
        self._dummy_hash: str | None = None

    async def add(
        self,
        username: str,
        password: str | None,
        scopes: Iterable[str],
        roles: Iterable[str] = (),
        display_name: str | None = None,
        email: str | None = None,
    ) -> User:
        """
        Add a user, or give an existing one these properties; return the user.

        ``scopes`` are those that the user can grant to clients. A user without any is refused by
        every client that requests a scope. ``password=None`` is for a user who signs in some other way; it removes an existing password.
        OpenID clients take ``email`` for verified.

        Raises:
            ConfigurationError: ``not-a-username``, ``not-a-password`` or ``not-an-email-address``.
        """
        name = canonical_username(username)
        if not name or len(name) > 200 or not name.isprintable():
            raise ConfigurationError(
                "not-a-username",
                f"{username!r} is not a valid username.",
                "Use 1 to 200 printable characters.",
            )
        if password is not None and not 0 < len(password) <= LONGEST_PASSWORD:
            raise ConfigurationError(
                "not-a-password",
                "The password is empty or longer than 1024 characters.",
                "Choose a password with 1 to 1024 characters.",
            )
        if email is not None and not is_email_address(email):
            raise ConfigurationError(
                "not-an-email-address",
                f"{email[:200]!r} is not an e-mail address.",
                "Use the form name@example.com.",
            )
        values = {
            "password_hash": None if password is None else await self._hash(password),
            "display_name": display_name,
            "email": email,
            "scopes": sorted(scopes),
            "roles": sorted(roles),
            "disabled": False,
        }

        async def write(connection: Connection) -> User | None:
            changed = await connection.execute(
                update(users).where(users.c.username == name).values(**values)
            )
            if changed.rowcount == 0:
                await connection.execute(
                    insert(users).values(
                        id=str(uuid4()), username=name, created_at=self._clock(), **values
                    )
                )
            return await _find(connection, users.c.username == name)

        found = await self._store.exclusive(write)
        assert found is not None
        return found

    async def find(self, username: str) -> User | None:
        """Return the user with that username, or ``None``."""
        async with self._store.reading() as connection:
            return await _find(connection, users.c.username == canonical_username(username))

    async def authenticate(self, username: str, password: str) -> User | None:
        """
        Return the user with that username and password, or ``None``.

        Takes as long for an unknown username, and for a user who is disabled or has no password.
        """
        async with self._store.reading() as connection:
            row = (
                await connection.execute(
                    select(users).where(users.c.username == canonical_username(username))
                )
            ).one_or_none()
        if self._dummy_hash is None:
            self._dummy_hash = await self._hash(new_secret())
        password_hash = None if row is None else row.password_hash
        # Always one verification: returning early would tell which usernames have a password.
        right = await self._verify(password_hash or self._dummy_hash, password)
        if row is None or password_hash is None or not right or row.disabled:
            return None
        return _user(row)

    async def disable(self, username: str) -> None:
        """
        Disable the user, end all sessions, and revoke all tokens.

        Tokens of identity providers wait until a server or ``doorward`` tells the providers.
        """

        async def disable(connection: Connection) -> None:
            found = await _find(connection, users.c.username == canonical_username(username))
            if found is None:
                return
            await connection.execute(
                update(users).where(users.c.id == found.id).values(disabled=True)
            )
            await connection.execute(delete(sessions).where(sessions.c.user_id == found.id))
            await connection.execute(
                delete(known_browsers).where(known_browsers.c.user_id == found.id)
            )
            await self._revoke_all(connection, found.id, "user-disabled")

        await self._store.write(disable)

    async def enable(self, username: str) -> None:
        """Let a disabled user sign in again; what was revoked stays revoked."""
        await self._update(username, disabled=False)

    async def remove(self, username: str) -> None:
        """
        Delete the user with all sessions, consents and grants, and revoke all tokens.

        Tokens of identity providers wait until a server or ``doorward`` tells the providers.
        """

        async def remove(connection: Connection) -> None:
            found = await _find(connection, users.c.username == canonical_username(username))
            if found is None:
                return
            # Revoke before the grants are deleted: guards must learn of the revocation.
            await self._revoke_all(connection, found.id, "user-removed")
            await connection.execute(delete(users).where(users.c.id == found.id))

        await self._store.write(remove)

    async def set_permissions(
        self, username: str, scopes: Iterable[str], roles: Iterable[str]
    ) -> None:
        """Set the user's scopes and roles; tokens get them at their next refresh."""
        await self._update(username, scopes=sorted(scopes), roles=sorted(roles))

    async def _update(self, username: str, **values: Any) -> None:
        same = users.c.username == canonical_username(username)
        change = update(users).where(same).values(**values)
        await self._store.write(lambda connection: connection.execute(change))

    async def _revoke_all(self, connection: Connection, user_id: str, reason: str) -> None:
        now = self._clock()
        await revoke_grants(connection, grants.c.user_id == user_id, reason, now)
        await end_connections(connection, provider_connections.c.user_id == user_id, now)
        await end_provider_sessions(connection, provider_sessions.c.user_id == user_id, reason, now)

    async def _hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(_hasher.hash, normalize("NFC", password))

    async def _verify(self, known: str, password: str) -> bool:
        async with self._turns:
            return await asyncio.to_thread(_verify_hash, known, normalize("NFC", password))


async def find_user(connection: Connection, user_id: str) -> User | None:
    """Return the user with that id, or ``None`` if there is none or it is disabled."""
    found = await read_user(connection, user_id)
    return None if found is None or found.disabled else found


async def read_user(connection: Connection, user_id: str) -> User | None:
    """Return the user with that id, also if it is disabled, or ``None``."""
    row = (await connection.execute(_BY_ID, {"the_id": user_id})).one_or_none()
    return None if row is None else _user(row)


def canonical_username(username: str) -> str:
    """Return the username as it is stored: trimmed, NFKC, lower case."""
    return normalize("NFKC", username).strip().casefold()


async def _find(connection: Connection, condition: Any) -> User | None:
    row = (await connection.execute(select(users).where(condition))).one_or_none()
    return None if row is None else _user(row)


def _user(row: Any) -> User:
    return User(
        id=row.id,
        username=row.username,
        display_name=row.display_name,
        scopes=frozenset(row.scopes),
        roles=frozenset(row.roles),
        disabled=row.disabled,
        email=row.email,
    )


def _verify_hash(known: str, password: str) -> bool:
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        return _hasher.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False
