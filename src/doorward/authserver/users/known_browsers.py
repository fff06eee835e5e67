"""Browsers in which a user signed in before; password attempts there have their own limit."""

from sqlalchemy import delete, exists, insert, select, update

from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import known_browsers, users
from doorward.authserver.users.users import User
from doorward.net.clock import CLOCK_SKEW, Clock

MOST_PER_USER = 20


class KnownBrowsers:
    """
    The table of known browsers, with the users who signed in there.

    A known browser is not a session. Wrong passwords are counted per known browser instead of per
    network; the cookie gives no access without the password. Only its hash is stored.
    """

    def __init__(self, store: Store, settings: AuthServerSettings, clock: Clock) -> None:
        self._store = store
        self._life = settings.lifetimes.known_browser
        self._clock = clock

    async def is_known(self, secret: str | None, username: str) -> bool:
        """Say whether the user with that canonical username has signed in there before."""
        now = self._clock()
        # The query runs without a cookie and for unknown usernames too, so that all take as long.
        condition = (
            select(known_browsers.c.user_id)
            .join(users, users.c.id == known_browsers.c.user_id)
            .where(
                known_browsers.c.id_hash == hash_secret(secret or ""),
                users.c.username == username,
                known_browsers.c.expires_at > now,
                known_browsers.c.signed_in_at <= now + CLOCK_SKEW,
            )
        )
        async with self._store.reading() as connection:
            return bool((await connection.execute(select(exists(condition)))).scalar_one())

    async def remember(self, user: User, previous: str | None) -> str:
        """
        Return a fresh secret for the browser in which ``user`` has just signed in.

        It replaces the secret ``previous`` for all users of the browser, so that copies of an older
        cookie stop working.
        """
        secret = new_secret()
        table, digest, now = known_browsers.c, hash_secret(secret), self._clock()

        async def write(connection: Connection) -> None:
            if previous:
                same = table.id_hash == hash_secret(previous)
                await connection.execute(
                    delete(known_browsers).where(same, table.user_id == user.id)
                )
                await connection.execute(update(known_browsers).where(same).values(id_hash=digest))
            await connection.execute(
                insert(known_browsers).values(
                    id_hash=digest,
                    user_id=user.id,
                    signed_in_at=now,
                    expires_at=now + self._life,
                )
            )
            others = (table.user_id == user.id, table.id_hash != digest)
            newest = (
                select(table.id_hash)
                .where(*others)
                .order_by(table.signed_in_at.desc())
                .limit(MOST_PER_USER - 1)
            )
            await connection.execute(
                delete(known_browsers).where(*others, table.id_hash.not_in(newest))
            )

        await self._store.write(write)
        return secret
