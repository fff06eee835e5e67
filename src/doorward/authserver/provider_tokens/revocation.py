"""Ends provider tokens when nothing here needs them any more, and tells the provider."""

import asyncio
from collections.abc import Iterable

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.provider_tokens.connections import Connections
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import grants, provider_connections
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import ProviderMisconfigured, ProviderUnavailable
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions import ProviderSessions
from doorward.authserver.upstream.shared_checks import DEADLINE
from doorward.net import Clock


class TokenRevocation:
    """
    Revokes a provider's tokens after the last grant that can use them.

    The caller does not wait for the provider: what was revoked here is revoked, whatever it answers.
    """

    def __init__(
        self,
        store: Store,
        sessions: ProviderSessions,
        connections: Connections,
        providers: dict[str, ProviderClient],
        clock: Clock,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._connections = connections
        self._providers = providers
        self._clock = clock
        self._in_flight: set[asyncio.Task[None]] = set()

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
        for session_id in session_ids:
            await self._end_session(session_id)
        table = provider_connections.c
        for user_id, resource in audiences:
            # Most users have connected nothing, and then a read is all that a revocation costs.
            if not await self._connections.exist(user_id, resource):
                continue
            of_grant = (grants.c.user_id == user_id, grants.c.resource == resource)
            of_connection = (table.user_id == user_id) & (table.resource == resource)
            await self.end_connections(of_connection, unless=of_grant)

    async def end_connections(
        self, which: ColumnElement[bool], *, unless: tuple[ColumnElement[bool], ...] = ()
    ) -> int:
        """
        End connected accounts, unless there is an active grant that meets ``unless``.

        Returns how many have ended.

        Raises:
            StoreUnavailable: 503.
        """
        async with self._store.writing() as connection:
            if unless and await self._is_in_use(connection, *unless):
                return 0
            ended = await self._connections.end(connection, which)
        for one in ended:
            self._tell(one.provider, one.tokens)
        return len(ended)

    async def aclose(self) -> None:
        """Wait for the answers that providers still owe; each has its deadline."""
        await asyncio.gather(*self._in_flight)

    async def _end_session(self, session_id: str) -> None:
        async with self._store.writing() as connection:
            if await self._is_in_use(connection, grants.c.provider_session_id == session_id):
                return
            session = await self._sessions.find(connection, session_id)
            if session is None or session.ended:
                return
            await self._sessions.end(connection, session_id, "revoked")
        if session.tokens is not None:
            self._tell(session.provider, session.tokens)

    async def _is_in_use(
        self, connection: AsyncConnection, *conditions: ColumnElement[bool]
    ) -> bool:
        active = select(grants.c.id).where(
            *conditions, grants.c.revoked_at.is_(None), grants.c.expires_at > self._clock()
        )
        return (await connection.execute(active.limit(1))).one_or_none() is not None

    def _tell(self, provider: str, tokens: ProviderTokens) -> None:
        task = asyncio.create_task(self._revoke(provider, tokens))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _revoke(self, provider: str, tokens: ProviderTokens) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._providers[provider].revoke(tokens)
        except (ProviderUnavailable, ProviderMisconfigured, TimeoutError):
            # The tokens are deleted here, so nobody can use them through this server.
            return
