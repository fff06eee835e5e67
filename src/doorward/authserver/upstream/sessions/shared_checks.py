"""Asks an identity provider once, for all requests in all processes that need its answer."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from sqlalchemy import ColumnElement, Table, select, update

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.store.engine import Store
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
from doorward.authserver.upstream.sessions.ended_tokens import EndedTokens
from doorward.net import Clock

# How long a request waits for the provider's answer.
DEADLINE = 5.0
# How long the provider's answer is kept in memory while the database cannot store it: longer than a
# fail-over takes.
_KEPT_FOR = 45.0
# Longer than deadline and fail-over: a claim ends by itself only if its process has died. Until then,
# no other process sends a refresh token that may be spent.
_CLAIM = 60.0
# For a provider that has not answered its refresh by then.
_LONG_CLAIM = REFRESH_TIMEOUT + _CLAIM
_POLL = 0.05
# The provider has ended what was granted, or refuses the account.
_OVER = (ProviderGrantEnded, ProviderRefused, AccountNotAllowed)
# An operator's mistake is no refusal of the user: clients forget what is refused.
_FAULTS = (ProviderUnavailable, ProviderMisconfigured, ProviderAnswerRefused)


class Checked(Protocol):
    """A row of the table: whose tokens it keeps, of which provider."""

    @property
    def id(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def subject(self) -> str: ...


class SharedChecks(ABC):
    """
    Checks the rows of a table at their providers when that is due.

    Of all requests, in all processes, one asks. The others wait, and read what it stored. A refresh
    goes on after the requests that wait for it have been answered with 503: its answer must not be
    lost. The table has the columns ``id``, ``check_due_at`` and ``refreshing_until``.
    ``kind`` says in the log what a row is.
    """

    def __init__(
        self,
        kind: str,
        store: Store,
        rows: Table,
        providers: dict[str, ProviderClient],
        ended: EndedTokens,
        clock: Clock,
        *conditions: ColumnElement[bool],
    ) -> None:
        self._kind = kind
        self._store = store
        self._rows = rows
        self._providers = providers
        self._ended = ended
        self._clock = clock
        self._conditions = conditions
        self._in_flight: dict[str, asyncio.Task[None]] = {}

    @abstractmethod
    async def _is_settled(self, row_id: str) -> bool:
        """Say whether the row needs no check now; raise if it is void."""

    @abstractmethod
    async def _ask(self, row_id: str) -> None:
        """Ask the provider, and store what it says."""

    @abstractmethod
    async def _keep_tokens(self, row_id: str, tokens: ProviderTokens) -> bool:
        """Store the tokens that the provider has just issued; say whether the row is still there."""

    @abstractmethod
    async def _end(self, row: Checked, reason: str) -> None:
        """End the row: the provider has ended what was granted, or the account is not allowed."""

    async def settle(self, row_id: str) -> None:
        """
        Return when the row needs no check.

        Raises:
            ProviderUnavailable: 503, there is no answer in time.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                while not await self._is_settled(row_id):
                    # It goes on if this caller is cancelled: the answer must be kept.
                    await asyncio.shield(self._in_flight.get(row_id) or self._begin(row_id))
        except TimeoutError:
            raise ProviderUnavailable(f"{row_id}: no answer within {DEADLINE} s") from None

    async def make_due(self, row_id: str, due_at: float) -> None:
        """Make the check due now, unless somebody has checked since ``due_at`` was read."""
        table = self._rows.c
        due_now = (
            update(self._rows)
            .where(table.id == row_id, table.check_due_at == due_at)
            .values(check_due_at=self._clock())
        )
        await self._store.write(lambda connection: connection.execute(due_now))

    async def aclose(self) -> None:
        """Wait for the answers that providers still owe, until the deadline."""
        tasks = list(self._in_flight.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=DEADLINE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _ask_or_wait(self, row_id: str) -> None:
        """Ask the provider, or wait while another process asks; one task for all callers here."""
        if await self._claim(row_id):
            await self._ask(row_id)
        else:
            await asyncio.sleep(_POLL)

    async def _claim(self, row_id: str) -> bool:
        """Claim the check, once: one conditional statement for all processes."""
        now = self._clock()
        table = self._rows.c
        claim = (
            update(self._rows)
            .where(
                table.id == row_id,
                *self._conditions,
                table.check_due_at <= now,
                table.refreshing_until.is_(None) | (table.refreshing_until <= now),
            )
            .values(refreshing_until=now + _CLAIM)
        )
        claimed = await self._store.write(lambda connection: connection.execute(claim))
        return claimed.rowcount == 1

    async def _ask_provider(
        self, row: Checked, tokens: ProviderTokens
    ) -> tuple[ProviderTokens, ProviderAccount]:
        """
        Return fresh tokens, which are stored, and the account, which is still allowed.

        Raises:
            ProviderGrantEnded: the provider or the settings say no, and the row has ended.
            ProviderUnavailable: 503, and the claim is released.
        """
        client, name = self._providers[row.provider], f"{self._kind} {row.id}"
        try:
            fresh = await self._current_tokens(client, row.id, tokens)
            # Stored first: what follows can fail, and the old refresh token is spent.
            if not await self._keep_until_stored(row.id, fresh):
                await self._drop(client, row, fresh)
                raise ProviderGrantEnded("it ended while the provider was asked")
            async with asyncio.timeout(DEADLINE):
                account = await _account_of(client, fresh, row.subject)
            unmet = client.provider.unmet(account)
            if unmet is not None:
                raise AccountNotAllowed(f"no rule admits {account.subject!r} any more: {unmet}")
        except _OVER as ended:
            await self._end(row, ended.code)
            raise ProviderGrantEnded(f"{name}: {ended.detail}") from None
        except _FAULTS as fault:
            await self._release(row.id)
            raise ProviderUnavailable(f"{name}: {fault.detail}") from None
        except TimeoutError:
            await self._release(row.id)
            raise ProviderUnavailable(f"{name}: the provider is too slow") from None
        except asyncio.CancelledError:
            # The server stops, and the next one must not wait until the claim ends.
            await self._release(row.id)
            raise
        return fresh, account

    async def _keep_until_stored(self, row_id: str, fresh: ProviderTokens) -> bool:
        """
        Store the tokens as ``_keep_tokens`` does, once the database can.

        The old refresh token is spent, so these must outlive a fail-over of the database.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + _KEPT_FOR
        while True:
            try:
                return await self._keep_tokens(row_id, fresh)
            except StoreUnavailable:
                if loop.time() > ends:
                    raise
            await asyncio.sleep(_POLL)

    async def _drop(self, client: ProviderClient, row: Checked, fresh: ProviderTokens) -> None:
        """Revoke tokens that came for a row that has ended meanwhile: it would keep them nowhere."""
        table = self._rows.c
        account = (table.provider == row.provider, table.subject == row.subject)
        others = select(table.id).where(*account, *self._conditions).limit(1)
        async with self._store.reading() as connection:
            in_use = (await connection.execute(others)).one_or_none() is not None
        # Another row has the same account: some providers would end its tokens with these.
        if fresh.refresh_token is not None and not in_use:
            await self._ended.add(client.provider, fresh)

    async def _current_tokens(
        self, client: ProviderClient, row_id: str, tokens: ProviderTokens
    ) -> ProviderTokens:
        """
        Return fresh tokens, or the same while they are good and cannot be refreshed.

        Raises:
            ProviderGrantEnded: they have expired, or the provider does not accept them.
            ProviderUnavailable, ProviderRefused, ProviderMisconfigured, ProviderAnswerRefused.
        """
        now = self._clock()
        if tokens.refresh_token is None:
            if tokens.expires_at is not None and tokens.expires_at <= now:
                raise ProviderGrantEnded("no refresh token was issued, and the token has expired")
            return tokens
        refreshing = asyncio.create_task(client.refresh(tokens.refresh_token))
        done, _ = await asyncio.wait([refreshing], timeout=DEADLINE)
        if not done:
            # If the database fails too, the answer still counts.
            with suppress(StoreUnavailable):
                await self._set_claim(row_id, now + _LONG_CLAIM)
        fresh = await refreshing
        # Without a new refresh token, the old one stays valid; without scopes, they are the same
        # (RFC 6749 §5.1, §6).
        return replace(
            fresh,
            refresh_token=fresh.refresh_token or tokens.refresh_token,
            scopes=tokens.scopes if fresh.scopes is None else fresh.scopes,
        )

    async def _release(self, row_id: str) -> None:
        """Let another request ask the provider: this one got no answer."""
        await self._set_claim(row_id, None)

    async def _set_claim(self, row_id: str, until: float | None) -> None:
        claim = update(self._rows).where(self._rows.c.id == row_id).values(refreshing_until=until)
        await self._store.write(lambda connection: connection.execute(claim))

    def _begin(self, row_id: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._ask_or_wait(row_id))
        self._in_flight[row_id] = task
        task.add_done_callback(lambda done: self._finish(row_id, done))
        return task

    def _finish(self, row_id: str, task: asyncio.Task[None]) -> None:
        if self._in_flight.get(row_id) is task:
            del self._in_flight[row_id]
        # Retrieved, so that an answer that nobody waits for any more is no warning.
        if not task.cancelled():
            task.exception()


async def _account_of(
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
