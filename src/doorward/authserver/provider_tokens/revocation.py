"""Ends provider tokens when nothing here needs them any more, and tells the provider."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import ColumnElement, func

from doorward.authserver.provider_tokens.connections import Connections
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import end_connections
from doorward.authserver.store.rows.grants import has_active_grant
from doorward.authserver.store.schema import provider_connections
from doorward.authserver.upstream.sessions.ended_tokens import EndedTokens, RevocationReport
from doorward.authserver.upstream.sessions.sessions import end_unused_session
from doorward.net import Clock

# How long an account stays connected that no application can use and no tool has used: a user who
# signs in again within this time does not have to connect it again.
KEPT_UNUSED = 30 * 86400.0


class TokenRevocation:
    """
    Ends sessions and connections after the last grant that can use them.

    The caller does not wait for the provider: what was revoked here is revoked, whatever it answers.
    """

    def __init__(
        self, store: Store, connections: Connections, ended: EndedTokens, clock: Clock
    ) -> None:
        self._store = store
        self._connections = connections
        self._ended = ended
        self._clock = clock

    async def end_unused(
        self, session_ids: Iterable[str], audiences: Iterable[tuple[str, str]] = ()
    ) -> None:
        """
        End the sessions that no grant uses, with the browser sessions that hang on them.

        ``audiences`` are pairs of user and resource: the accounts that the user connected for that
        server end too, if no application of the user has access to it any more.

        Raises:
            StoreUnavailable: 503.
        """
        ended = 0
        for session_id in session_ids:
            ended += await self._store.write(
                partial(end_unused_session, session_id=session_id, now=self._clock())
            )
        table = provider_connections.c
        for user_id, resource in audiences:
            # Most users have connected nothing, and then a read is all that a revocation costs.
            if await self._connections.exist(user_id, resource):
                of_user = (table.user_id == user_id) & (table.resource == resource)
                ended += await self._end(of_user & _is_unused(self._clock()))
        if ended:
            self.start()

    async def end_connections(self, which: ColumnElement[bool]) -> int:
        """
        End connected accounts; return how many they were.

        Raises:
            StoreUnavailable: 503.
        """
        ended = await self._end(which)
        if ended:
            self.start()
        return ended

    def start(self) -> None:
        """Begin to tell the providers what has ended."""
        self._ended.start()

    async def sweep(self) -> None:
        """
        End the accounts that stay connected for nobody, and begin to tell the providers what has ended.

        Raises:
            StoreUnavailable: 503.
        """
        table, now = provider_connections.c, self._clock()
        used_at = func.coalesce(table.last_used_at, table.created_at)
        await self._end((used_at < now - KEPT_UNUSED) & _is_unused(now))
        self.start()

    async def revoke(self) -> RevocationReport:
        """
        Tell the providers what has ended, and return what they said.

        Raises:
            StoreUnavailable: 503.
        """
        return await self._ended.revoke()

    async def aclose(self) -> None:
        """Wait for the answers that providers still owe; each has its deadline."""
        await self._ended.aclose()

    async def _end(self, which: ColumnElement[bool]) -> int:
        return await self._store.write(
            lambda connection: end_connections(connection, which, self._clock())
        )


def _is_unused(now: float) -> ColumnElement[bool]:
    table = provider_connections.c
    return ~has_active_grant(table.user_id, table.resource, now)
