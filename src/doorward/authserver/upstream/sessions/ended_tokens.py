"""Tells identity providers which of their tokens have ended here."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import delete, func, select, update

from doorward.authserver.events import EventRecorder
from doorward.authserver.keys.sealing_keys import Sealed, SealingKeys
from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import await_revocation
from doorward.authserver.store.schema import ended_provider_tokens
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import ProviderMisconfigured, ProviderUnavailable
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.sealed_tokens import seal_tokens, unseal_tokens
from doorward.net import Clock

# How long the provider has for its answer.
_DEADLINE = 5.0
# Longer than the deadline: after it, another process may tell the provider.
_RETRY_INTERVAL = 300.0
_BATCH = 20

_Outcome = Literal["revoked", "not_revocable", "waiting"]


@dataclass(frozen=True, kw_only=True)
class RevocationReport:
    """
    What the providers said about the tokens that ended.

    ``not_revocable`` were issued by a provider without a revocation endpoint, or for settings that
    have changed since. ``waiting`` are those that a server tells its provider later.
    """

    revoked: int = 0
    not_revocable: int = 0
    waiting: int = 0


class EndedTokens:
    """
    The table of tokens that wait until their provider has revoked them.

    One process tells a provider at a time. A provider that cannot be reached is told again every five
    minutes, for a day.
    """

    def __init__(
        self,
        store: Store,
        keys: SealingKeys,
        providers: Mapping[str, ProviderClient],
        events: EventRecorder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keys = keys
        self._providers = providers
        self._events = events
        self._clock = clock
        self._in_flight: set[asyncio.Task[None]] = set()

    async def add(self, provider: IdentityProvider, tokens: ProviderTokens) -> None:
        """
        Revoke tokens that are stored nowhere; does not wait for the provider.

        Raises:
            StoreUnavailable: 503.
        """
        row_id = uuid4().hex
        row = {
            "id": row_id,
            "provider": provider.name,
            "issuer": provider.issuer_url,
            "client_id": provider.client_id,
        }

        async def add(connection: Connection) -> None:
            sealed = await seal_tokens(self._keys, connection, row_id, tokens)
            await await_revocation(connection, [{**row, **sealed}], self._clock())

        await self._store.write(add)
        self.start()

    def start(self) -> None:
        """Begin to tell the providers; the caller does not wait for them."""
        task = asyncio.create_task(self._revoke_quietly())
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def aclose(self) -> None:
        """Wait for the answers that providers still owe, until the deadline; the rest is stored."""
        if not self._in_flight:
            return
        _, late = await asyncio.wait(self._in_flight, timeout=_DEADLINE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def revoke(self) -> RevocationReport:
        """
        Tell the providers about all tokens that are due, and return what they said.

        Raises:
            StoreUnavailable: 503.
        """
        outcomes: list[_Outcome] = []
        while claimed := await self._claim():
            outcomes += await asyncio.gather(*map(self._revoke, claimed))
        return RevocationReport(
            revoked=outcomes.count("revoked"),
            not_revocable=outcomes.count("not_revocable"),
            waiting=await count_ended_tokens(self._store),
        )

    async def _revoke_quietly(self) -> None:
        try:
            await self.revoke()
        except StoreUnavailable:
            # They are stored, and told with the next sweep.
            return

    async def _claim(self) -> list[Any]:
        """Return rows that no other process claims for a while."""
        table, now = ended_provider_tokens.c, self._clock()
        due = select(table.id).where(table.retry_at <= now).order_by(table.retry_at).limit(_BATCH)
        claim = (
            update(ended_provider_tokens)
            .where(table.id.in_(due.with_for_update(skip_locked=True)))
            .values(retry_at=now + _RETRY_INTERVAL)
            .returning(*table)
        )
        claimed = await self._store.write(lambda connection: connection.execute(claim))
        return list(claimed.all())

    async def _revoke(self, row: Any) -> _Outcome:
        outcome = await self._tell(row)
        if outcome != "waiting":
            told = delete(ended_provider_tokens).where(ended_provider_tokens.c.id == row.id)
            await self._store.write(lambda connection: connection.execute(told))
        return outcome

    async def _tell(self, row: Any) -> _Outcome:
        client = self._providers.get(row.provider)
        # Tokens of another issuer or client must not be sent to the one that is configured now.
        if (
            client is None
            or client.provider.issuer_url != row.issuer
            or client.provider.client_id != row.client_id
        ):
            return "not_revocable"
        async with self._store.reading() as connection:
            sealed = Sealed(row.sealing_key_id, row.sealed_tokens)
            tokens = await unseal_tokens(self._keys, connection, row.id, sealed)
        if tokens is None:
            return "not_revocable"
        try:
            async with asyncio.timeout(_DEADLINE):
                return "revoked" if await client.revoke(tokens) else "not_revocable"
        except TimeoutError:
            reason, detail = ProviderUnavailable.code, "the provider is too slow"
        except (ProviderUnavailable, ProviderMisconfigured) as problem:
            reason, detail = problem.code, problem.detail
        self._events.record_event(
            "provider-revocation.failed", reason=reason, provider=row.provider, detail=detail
        )
        return "waiting"


async def count_ended_tokens(store: Store) -> int:
    """Return of how many tokens a provider does not know yet that they have ended."""
    async with store.reading() as connection:
        found = await connection.execute(select(func.count()).select_from(ended_provider_tokens))
        return int(found.scalar_one())
