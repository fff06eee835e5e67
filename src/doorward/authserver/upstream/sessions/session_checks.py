"""Asks identity providers whether their sessions are still good, once for all processes."""

from sqlalchemy import select

from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import end_connections, end_provider_sessions
from doorward.authserver.store.rows.grants import has_active_grant
from doorward.authserver.store.schema import provider_connections, provider_sessions
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import AccountNotAllowed, ProviderGrantEnded
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.accounts import ProviderAccounts
from doorward.authserver.upstream.sessions.ended_tokens import EndedTokens
from doorward.authserver.upstream.sessions.sessions import ProviderSession, ProviderSessions
from doorward.authserver.upstream.sessions.shared_checks import Checked, SharedChecks
from doorward.net import Clock


class SessionChecks(SharedChecks):
    """
    Refreshes at the provider when a session's check is due.

    What the provider answered is stored before this server issues anything: a provider that rotates
    refresh tokens has then forgotten the old one, and a crash must not lose the new one.
    """

    def __init__(
        self,
        store: Store,
        sessions: ProviderSessions,
        accounts: ProviderAccounts,
        providers: dict[str, ProviderClient],
        ended: EndedTokens,
        clock: Clock,
    ) -> None:
        super().__init__(
            "session",
            store,
            provider_sessions,
            providers,
            ended,
            clock,
            provider_sessions.c.ended_at.is_(None),
        )
        self._sessions = sessions
        self._accounts = accounts

    async def require_good(self, session_id: str) -> None:
        """
        Return when the session is good; ask the provider if that is due.

        If the provider ends the session, or no rule admits the account any more, the session ends
        here too, with every grant and every browser session that hangs on it.

        Raises:
            ProviderGrantEnded: 400 ``invalid_grant``, the session has ended.
            ProviderUnavailable: 503, the provider cannot say so now. Nothing has changed.
            StoreUnavailable: 503.
        """
        await self.settle(session_id)

    async def _is_settled(self, session_id: str) -> bool:
        """
        Say whether the session needs no check now.

        Raises:
            ProviderGrantEnded: it has ended, or the settings have made it void.
        """
        async with self._store.reading() as connection:
            session = await self._sessions.find(connection, session_id)
        if session is None or session.ended:
            raise ProviderGrantEnded(f"session {session_id} has ended")
        if session.tokens is None:
            await self._end(session, "settings-changed")
            raise ProviderGrantEnded(
                f"session {session_id}: provider {session.provider!r} is disabled, or has changed"
            )
        return self._clock() < session.check_due_at

    async def _ask(self, session_id: str) -> None:
        async with self._store.reading() as connection:
            session = await self._sessions.find(connection, session_id)
        if session is None or session.tokens is None:
            return
        tokens, account = await self._ask_provider(session, session.tokens)
        await self._renew(session, tokens, account)

    async def _renew(
        self,
        session: ProviderSession,
        tokens: ProviderTokens,
        account: ProviderAccount,
    ) -> None:
        now, provider = self._clock(), self._providers[session.provider].provider

        async def renew(connection: Connection) -> None:
            await self._accounts.update_user(connection, provider, account, now)
            await self._sessions.renew(connection, session.id, tokens, now)

        await self._store.exclusive(renew)

    async def _keep_tokens(self, row_id: str, tokens: ProviderTokens) -> bool:
        return await self._sessions.keep_tokens(row_id, tokens)

    async def _end(self, row: Checked, reason: str) -> None:
        shut_out = reason == AccountNotAllowed.code
        which, now = provider_sessions.c.id == row.id, self._clock()

        async def end(connection: Connection) -> None:
            if shut_out:
                # The provider still has the session, so its tokens must be revoked there.
                await end_provider_sessions(connection, which, reason, now)
            await self._sessions.end(connection, row.id, reason)
            if shut_out:
                # With the accounts that the user connected, where no application has access now.
                table = provider_connections.c
                user = select(provider_sessions.c.user_id).where(which)
                unused = ~has_active_grant(table.user_id, table.resource, now)
                await end_connections(connection, table.user_id.in_(user) & unused, now)

        await self._store.write(end)
        if shut_out:
            self._ended.start()
