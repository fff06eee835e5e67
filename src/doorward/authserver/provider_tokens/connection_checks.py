"""Refreshes the tokens of connected accounts, once for all processes."""

import asyncio

from doorward.authserver.events import EventRecorder
from doorward.authserver.provider_tokens.connections import ConnectedTokens, Connections
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_connections
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import (
    AccountNotAllowed,
    ProviderGrantEnded,
    ProviderUnavailable,
)
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.session_checks import (
    OVER,
    PROVIDER_FAULTS,
    account_of,
)
from doorward.authserver.upstream.shared_checks import DEADLINE, SharedChecks
from doorward.net import Clock


class ConnectionChecks(SharedChecks):
    """
    Refreshes a connection's tokens shortly before they expire, and at least once an hour.

    If the provider has ended what the user granted, the connection ends. A fault of the provider
    changes nothing: users must not connect again because a provider was down.
    """

    def __init__(
        self,
        store: Store,
        connections: Connections,
        providers: dict[str, ProviderClient],
        events: EventRecorder,
        clock: Clock,
    ) -> None:
        super().__init__(store, provider_connections, clock)
        self._connections = connections
        self._providers = providers
        self._events = events

    async def current(self, row_id: str) -> ProviderTokens:
        """
        Return the tokens of a connection, fresh ones if the check was due.

        Raises:
            ProviderGrantEnded: the connection has ended, or the settings have made it void.
            ProviderUnavailable: 503. Nothing has changed.
            StoreUnavailable: 503.
        """
        await self.settle(row_id)
        return (await self._find(row_id)).tokens

    async def _find(self, row_id: str) -> ConnectedTokens:
        async with self._store.reading() as connection:
            found = await self._connections.find(connection, row_id)
        if found is None:
            raise ProviderGrantEnded(f"connection {row_id} has ended, or is void")
        return found

    async def _is_settled(self, row_id: str) -> bool:
        return self._clock() < (await self._find(row_id)).check_due_at

    async def _ask(self, row_id: str) -> None:
        found = await self._find(row_id)
        client = self._providers[found.provider]
        try:
            tokens = await self._current_tokens(client, row_id, found.tokens)
            # Stored first: what follows can fail, and the old refresh token is spent.
            await self._connections.keep_tokens(row_id, tokens)
            async with asyncio.timeout(DEADLINE):
                account = await account_of(client, tokens, found.subject)
            unmet = client.provider.unmet(account)
            if unmet is not None:
                raise AccountNotAllowed(f"no rule admits {account.subject!r} any more: {unmet}")
        except OVER as ended:
            await self._end(found, ended.code)
            raise ProviderGrantEnded(f"connection {row_id}: {ended.detail}") from None
        except PROVIDER_FAULTS as fault:
            await self._release(row_id)
            raise ProviderUnavailable(f"connection {row_id}: {fault.detail}") from None
        except TimeoutError:
            await self._release(row_id)
            raise ProviderUnavailable(f"connection {row_id}: the provider is too slow") from None
        except asyncio.CancelledError:
            # The server stops, and the next one must not wait until the claim ends.
            await self._release(row_id)
            raise
        await self._connections.renew(row_id, tokens)

    async def _end(self, found: ConnectedTokens, reason: str) -> None:
        async with self._store.writing() as connection:
            await self._connections.end(connection, provider_connections.c.id == found.id)
        self._events.record_event("connection.ended", reason=reason, provider=found.provider)
