"""Browser sessions: the browser has a random id, the database has the rest."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import sessions
from doorward.authserver.users.authentication import Authentication
from doorward.authserver.users.users import User, find_user
from doorward.net.clock import Clock

_TOUCH_INTERVAL = 60.0
_FIND = select(sessions).where(sessions.c.id_hash == bindparam("digest"))
_BEGIN = insert(sessions)
_END = delete(sessions).where(sessions.c.id_hash == bindparam("digest"))
_TOUCH = (
    update(sessions)
    .where(sessions.c.id_hash == bindparam("digest"))
    .values(seen_at=bindparam("now"))
)


@dataclass(frozen=True, kw_only=True)
class BrowserSession:
    """
    Who is signed in in a browser, since when, and in which session at an identity provider, if any.

    ``authentication`` is here; at a provider, ``signed_in_session`` knows it.
    """

    user: User
    provider_session_id: str | None
    authentication: Authentication


class Sessions:
    """The table of sessions."""

    def __init__(self, store: Store, settings: AuthServerSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    async def create(
        self, user: User, previous: str | None, provider_session_id: str | None = None
    ) -> str:
        """
        Return a fresh session id for ``user``, and end the ``previous`` one of that browser.

        Every sign-in gets a fresh id: one that an attacker planted before must not become valid.
        """
        session_id = new_secret()
        now = self._clock()
        row = {
            "id_hash": hash_secret(session_id),
            "user_id": user.id,
            "started_at": now,
            "seen_at": now,
            "expires_at": now + self._settings.lifetimes.session_absolute,
            "provider_session_id": provider_session_id,
        }

        async def begin(connection: Connection) -> None:
            if previous:
                await connection.execute(_END, {"digest": hash_secret(previous)})
            await connection.execute(_BEGIN, row)

        await self._store.write(begin)
        return session_id

    async def user(self, session_id: str | None) -> User | None:
        """Return the user of the session, or ``None`` if there is no active session of that id."""
        session = await self.find(session_id)
        return None if session is None else session.user

    async def find(self, session_id: str | None) -> BrowserSession | None:
        """Return the active session of that id, or ``None``."""
        if not session_id:
            return None
        now = self._clock()
        digest = hash_secret(session_id)

        async def read(connection: Connection) -> tuple[User | None, Any]:
            row = (await connection.execute(_FIND, {"digest": digest})).one_or_none()
            return (await find_user(connection, row.user_id) if row else None), row

        user, row = await self._store.read(read)
        # started_at <= now: a clock that is set back must not revive a session.
        if user is None or not self._is_alive(row.started_at, row.seen_at, row.expires_at, now):
            return None
        if now >= row.seen_at + _TOUCH_INTERVAL:
            await self._touch(digest, now)
        return BrowserSession(
            user=user,
            provider_session_id=row.provider_session_id,
            authentication=Authentication(time=row.started_at, amr=("pwd",)),
        )

    async def end(self, session_id: str | None) -> None:
        """End a session on the server, so that copies of its cookie stop working."""
        if session_id:
            ended = {"digest": hash_secret(session_id)}
            await self._store.write(lambda connection: connection.execute(_END, ended))

    def _is_alive(self, started: float, seen: float, expires: float, now: float) -> bool:
        idle_until = seen + self._settings.lifetimes.session_idle
        begun = self._settings.revoke_before <= started <= now + _TOUCH_INTERVAL
        return begun and now < expires and now < idle_until

    async def _touch(self, digest: bytes, now: float) -> None:
        seen = {"digest": digest, "now": now}
        await self._store.write(lambda connection: connection.execute(_TOUCH, seen))
