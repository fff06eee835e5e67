"""Asks identity providers whether their sessions are still good, once for all processes."""

import asyncio
from dataclasses import replace

from sqlalchemy import update

from doorward.authserver.admission import ProviderAccount, unmet_conditions
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_sessions
from doorward.authserver.upstream.accounts import ProviderAccounts
from doorward.authserver.upstream.provider_client import REFRESH_TIMEOUT, ProviderClient
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
from doorward.net import Clock

# How long a request waits for the provider's answer.
DEADLINE = 5.0
# Longer than the deadline: a claim ends by itself only if its process has died.
_CLAIM = 15.0
# For a provider that has not answered its refresh by then.
_LONG_CLAIM = REFRESH_TIMEOUT + _CLAIM
_POLL = 0.05

_OVER = (ProviderGrantEnded, ProviderRefused, AccountNotAllowed)


class SessionChecks:
    """
    Refreshes at the provider when a session's check is due.

    Of all requests, in all processes, one asks. The others wait, and read what it stored. What the
    provider answered is stored before this server issues anything: a provider that rotates refresh
    tokens has then forgotten the old one, and a crash must not lose the new one. For the same reason,
    a refresh goes on after the requests that wait for it have been answered with 503.
    """

    def __init__(
        self,
        store: Store,
        sessions: ProviderSessions,
        accounts: ProviderAccounts,
        providers: dict[str, ProviderClient],
        clock: Clock,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._accounts = accounts
        self._providers = providers
        self._clock = clock
        self._in_flight: dict[str, asyncio.Task[None]] = {}

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
        try:
            async with asyncio.timeout(DEADLINE):
                while not await self._is_settled(session_id):
                    # It goes on if this caller is cancelled: the answer must be kept.
                    await asyncio.shield(self._in_flight.get(session_id) or self._begin(session_id))
        except TimeoutError:
            raise ProviderUnavailable(
                f"session {session_id}: no answer within {DEADLINE} s"
            ) from None

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

    async def _claim(self, session_id: str) -> bool:
        """Claim the check, once: one conditional statement for all processes."""
        now = self._clock()
        table = provider_sessions.c
        async with self._store.writing() as connection:
            claimed = await connection.execute(
                update(provider_sessions)
                .where(
                    table.id == session_id,
                    table.ended_at.is_(None),
                    table.check_due_at <= now,
                    table.refreshing_until.is_(None) | (table.refreshing_until <= now),
                )
                .values(refreshing_until=now + _CLAIM)
            )
            return claimed.rowcount == 1

    def _begin(self, session_id: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._ask_or_wait(session_id))
        self._in_flight[session_id] = task
        task.add_done_callback(lambda done: self._finish(session_id, done))
        return task

    def _finish(self, session_id: str, task: asyncio.Task[None]) -> None:
        if self._in_flight.get(session_id) is task:
            del self._in_flight[session_id]
        # Retrieved, so that an answer that nobody waits for any more is no warning.
        if not task.cancelled():
            task.exception()

    async def aclose(self) -> None:
        """Wait for the answers that providers still owe, until the deadline."""
        tasks = list(self._in_flight.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=DEADLINE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _ask_or_wait(self, session_id: str) -> None:
        """Ask the provider, or wait while another process asks; one task for all callers here."""
        if await self._claim(session_id):
            await self._ask(session_id)
        else:
            await asyncio.sleep(_POLL)

    async def _ask(self, session_id: str) -> None:
        async with self._store.reading() as connection:
            session = await self._sessions.find(connection, session_id)
        if session is None or session.tokens is None:
            return
        client = self._providers[session.provider]
        try:
            tokens = await self._current_tokens(client, session)
            # Stored first: what follows can fail, and the old refresh token is spent.
            await self._sessions.keep_tokens(session.id, tokens)
            async with asyncio.timeout(DEADLINE):
                account = await _account_of(client, session, tokens)
            unmet = unmet_conditions(client.provider.rules, account)
            if unmet is not None:
                raise AccountNotAllowed(f"no rule admits {account.subject!r} any more: {unmet}")
        except _OVER as ended:
            await self._end(session, ended.code)
            raise ProviderGrantEnded(f"session {session.id}: {ended.detail}") from None
        except (ProviderUnavailable, ProviderMisconfigured, ProviderAnswerRefused) as fault:
            # An operator's mistake is no refusal of the user: clients forget what is refused.
            await self._sessions.release(session.id)
            raise ProviderUnavailable(f"session {session.id}: {fault.detail}") from None
        except TimeoutError:
            await self._sessions.release(session.id)
            raise ProviderUnavailable(f"session {session.id}: the provider is too slow") from None
        except asyncio.CancelledError:
            # The server stops, and the next one must not wait until the claim ends.
            await self._sessions.release(session.id)
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

    async def _current_tokens(
        self, client: ProviderClient, session: ProviderSession
    ) -> ProviderTokens:
        """Return fresh tokens, or the same while they are good and cannot be refreshed."""
        tokens, now = session.tokens, self._clock()
        assert tokens is not None, "checked by the caller"
        if tokens.refresh_token is None:
            if tokens.expires_at is not None and tokens.expires_at <= now:
                raise ProviderGrantEnded("no refresh token was issued, and the token has expired")
            return tokens
        refreshing = asyncio.create_task(client.refresh(tokens.refresh_token))
        done, _ = await asyncio.wait([refreshing], timeout=DEADLINE)
        if not done:
            await self._sessions.extend_claim(session.id, now + _LONG_CLAIM)
        fresh = await refreshing
        # Without a new refresh token, the old one stays valid (RFC 6749 §6).
        return replace(fresh, refresh_token=fresh.refresh_token or tokens.refresh_token)


async def _account_of(
    client: ProviderClient, session: ProviderSession, tokens: ProviderTokens
) -> ProviderAccount:
    """Return whose tokens these are; one that nothing can refresh ends when it is refused."""
    try:
        return await client.account(tokens, subject=session.subject)
    except ProviderTokenRefused as refused:
        if tokens.refresh_token is None:
            raise ProviderGrantEnded(refused.detail) from None
        # It has just been issued: something is wrong there, and not with the user.
        raise
