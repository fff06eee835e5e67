"""Asks identity providers whether their sessions are still good, once for all processes."""

import asyncio

from doorward.authserver.admission import ProviderAccount
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_sessions
from doorward.authserver.upstream.accounts import ProviderAccounts
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import (
    AccountNotAllowed,
    ProviderAnswerRefused,
    ProviderGrantEnded,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderTokenRefused,
    ProviderUnavailable,
)
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions import ProviderSession, ProviderSessions
from doorward.authserver.upstream.shared_checks import DEADLINE, SharedChecks
from doorward.net import Clock

# The provider has ended what was granted, or refuses the account.
OVER = (ProviderGrantEnded, ProviderRefused, AccountNotAllowed)
# An operator's mistake is no refusal of the user: clients forget what is refused.
PROVIDER_FAULTS = (ProviderUnavailable, ProviderMisconfigured, ProviderAnswerRefused)


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
        clock: Clock,
    ) -> None:
        super().__init__(store, provider_sessions, clock, provider_sessions.c.ended_at.is_(None))
        self._sessions = sessions
        self._accounts = accounts
        self._providers = providers

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
        client = self._providers[session.provider]
        try:
            tokens = await self._current_tokens(client, session.id, session.tokens)
            # Stored first: what follows can fail, and the old refresh token is spent.
            await self._sessions.keep_tokens(session.id, tokens)
            async with asyncio.timeout(DEADLINE):
                account = await account_of(client, tokens, session.subject)
            unmet = client.provider.unmet(account)
            if unmet is not None:
                raise AccountNotAllowed(f"no rule admits {account.subject!r} any more: {unmet}")
        except OVER as ended:
            await self._end(session, ended.code)
            raise ProviderGrantEnded(f"session {session.id}: {ended.detail}") from None
        except PROVIDER_FAULTS as fault:
            await self._release(session.id)
            raise ProviderUnavailable(f"session {session.id}: {fault.detail}") from None
        except TimeoutError:
            await self._release(session.id)
            raise ProviderUnavailable(f"session {session.id}: the provider is too slow") from None
        except asyncio.CancelledError:
            # The server stops, and the next one must not wait until the claim ends.
            await self._release(session.id)
            raise
        await self._renew(session, client, tokens, account)

    async def _renew(
        self,
        session: ProviderSession,
        client: ProviderClient,
        tokens: ProviderTokens,
        account: ProviderAccount,
    ) -> None:
        now = self._clock()
        async with self._store.exclusive() as connection:
            await self._accounts.update_user(connection, client.provider, account, now)
            await self._sessions.renew(connection, session.id, tokens, now)

    async def _end(self, session: ProviderSession, reason: str) -> None:
        async with self._store.writing() as connection:
            await self._sessions.end(connection, session.id, reason)


async def account_of(
    client: ProviderClient, tokens: ProviderTokens, subject: str
) -> ProviderAccount:
    """
    Return the account of ``subject``, whose tokens these must be.

    Raises:
        ProviderGrantEnded: the provider does not accept a token that it issued earlier.
        ProviderUnavailable, ProviderAnswerRefused: 503, 502.
    """
    try:
        return await client.account(tokens, subject=subject)
    except ProviderTokenRefused as refused:
        # A token that has just been issued, and is refused, is a fault of the provider.
        if tokens.refresh_token is not None:
            raise
        raise ProviderGrantEnded(refused.detail) from None
