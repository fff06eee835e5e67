"""Links with which a user connects an account: each is for one user, one server and one provider."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update

from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.refusals import ConnectLinkRefused
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.grants import has_active_grant
from doorward.authserver.store.schema import connect_links
from doorward.net.clock import CLOCK_SKEW, Clock

# People open it when they read it, and that may be a few minutes later.
LIFETIME = 1800.0
# Each call of a tool makes one, and a model may try often.
_MOST_PER_USER = 20
_CREATE = insert(connect_links)


@dataclass(frozen=True, kw_only=True)
class ConnectLink:
    """A link; ``used`` if its user has connected an account with it, or has refused."""

    user_id: str
    resource: str
    provider: str
    used: bool


class ConnectLinks:
    """The table of links. A link gives no access: its user signs in and confirms on its page."""

    def __init__(self, store: Store, settings: AuthServerSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    async def create(self, user_id: str, resource: str, provider: str) -> str:
        """Store a link, and return its URL."""
        handle, now = new_secret(), self._clock()
        table = connect_links.c
        recent = select(table.handle_hash).where(table.user_id == user_id)
        recent = recent.order_by(table.created_at.desc()).limit(_MOST_PER_USER - 1)
        link = {
            "handle_hash": hash_secret(handle),
            "user_id": user_id,
            "resource": resource,
            "provider": provider,
            "created_at": now,
            "expires_at": now + LIFETIME,
        }

        async def add(connection: Connection) -> None:
            kept = [row.handle_hash for row in await connection.execute(recent)]
            await connection.execute(
                delete(connect_links).where(
                    table.user_id == user_id, table.handle_hash.not_in(kept)
                )
            )
            await connection.execute(_CREATE, link)

        await self._store.write(add)
        # Not in the path: paths are in the events of this server.
        return self._settings.url(f"/connect?link={handle}")

    async def find(self, handle: str) -> ConnectLink:
        """
        Return the link, which may have been used.

        Raises:
            ConnectLinkRefused: 403, there is none, it has expired, or nothing could use the account.
        """
        query = select(connect_links).where(*_is_valid(handle, self._clock()))
        async with self._store.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        # Nothing is connected for a server or at a provider that is not configured any more.
        if (
            row is None
            or self._settings.resource(row.resource) is None
            or not self._is_configured(row.resource, row.provider)
        ):
            raise ConnectLinkRefused("no such link, or it has expired")
        return ConnectLink(
            user_id=row.user_id,
            resource=row.resource,
            provider=row.provider,
            used=row.claimed_at is not None,
        )

    def _is_configured(self, resource: str, provider: str) -> bool:
        if provider == PASTED_KEY:
            return self._settings.pasted_key(resource) is not None
        return self._settings.identity_provider(provider) is not None

    async def claim(self, connection: Connection, handle: str, user_id: str, provider: str) -> None:
        """
        Use the link, once, for its own user; inside the caller's database transaction.

        One conditional statement: of two callbacks for one link, in two processes, one finds a row.
        An attacker who sends the own link to somebody else would get that person's account connected.

        Raises:
            ConnectLinkRefused: 403, it was used, has expired, or is another user's.
        """
        now = self._clock()
        table = connect_links.c
        claimed = await connection.execute(
            update(connect_links)
            .where(
                *_is_valid(handle, now),
                table.user_id == user_id,
                table.provider == provider,
                table.claimed_at.is_(None),
            )
            .values(claimed_at=now)
        )
        if claimed.rowcount != 1:
            raise ConnectLinkRefused("the link was used, has expired, or is another user's")


def _is_valid(handle: str, now: float) -> tuple[ColumnElement[bool], ...]:
    table = connect_links.c
    return (
        table.handle_hash == hash_secret(handle),
        table.expires_at > now,
        table.created_at <= now + CLOCK_SKEW,
        # A user who has ended all access does not expect an open page to connect an account.
        has_active_grant(table.user_id, table.resource, now),
    )
