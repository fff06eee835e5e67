"""Ends a session at a provider when nothing here needs it any more, and tells the provider."""

import asyncio

from sqlalchemy import select

from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import grants
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import ProviderMisconfigured, ProviderUnavailable
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.session_checks import DEADLINE
from doorward.authserver.upstream.sessions import ProviderSessions
from doorward.net import Clock


class SessionRevocation:
    """
    Revokes a provider's tokens after the last grant that hangs on them.

    The caller does not wait for the provider: what was revoked here is revoked, whatever it answers.
    """

    def __init__(
        self,
        store: Store,
        sessions: ProviderSessions,
        providers: dict[str, ProviderClient],
        clock: Clock,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._providers = providers
        self._clock = clock
        self._in_flight: set[asyncio.Task[None]] = set()

    async def end_unused(self, session_id: str) -> None:
        """
        End the session if no grant uses it, with the browser sessions that hang on it.

        Raises:
            StoreUnavailable: 503.
        """
        async with self._store.writing() as connection:
            in_use = select(grants.c.id).where(
                grants.c.provider_session_id == session_id,
                grants.c.revoked_at.is_(None),
                grants.c.expires_at > self._clock(),
            )
            if (await connection.execute(in_use.limit(1))).one_or_none() is not None:
                return
            session = await self._sessions.find(connection, session_id)
            if session is None or session.ended:
                return
            await self._sessions.end(connection, session_id, "revoked")
        if session.tokens is not None:
            task = asyncio.create_task(self._revoke(session.provider, session.tokens))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def aclose(self) -> None:
        """Wait for the answers that providers still owe; each has its deadline."""
        await asyncio.gather(*self._in_flight)

    async def _revoke(self, provider: str, tokens: ProviderTokens) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._providers[provider].revoke(tokens)
        except (ProviderUnavailable, ProviderMisconfigured, TimeoutError):
            # The tokens are deleted here, so nobody can use them through this server.
            return
