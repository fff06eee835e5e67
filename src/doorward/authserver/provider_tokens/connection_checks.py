"""Refreshes the tokens of connected accounts, once for all processes."""

from sqlalchemy import delete

from doorward.authserver.events import EventRecorder
from doorward.authserver.provider_tokens.connections import ConnectedTokens, Connections
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import end_connections
from doorward.authserver.store.schema import provider_connections
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import AccountNotAllowed, ProviderGrantEnded
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.ended_tokens import EndedTokens
from doorward.authserver.upstream.sessions.shared_checks import Checked, SharedChecks
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
        ended: EndedTokens,
        events: EventRecorder,
        clock: Clock,
    ) -> None:
        super().__init__("connection", store, provider_connections, providers, ended, clock)
        self._connections = connections
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
        tokens, _ = await self._ask_provider(found, found.tokens)
        await self._connections.renew(row_id, tokens)

    async def _keep_tokens(self, row_id: str, tokens: ProviderTokens) -> bool:
        return await self._connections.keep_tokens(row_id, tokens)

    async def _end(self, row: Checked, reason: str) -> None:
        which = provider_connections.c.id == row.id
        shut_out = reason == AccountNotAllowed.code

        async def end(connection: Connection) -> int:
            if shut_out:
                return await end_connections(connection, which, self._clock())
            # The provider has ended the tokens itself.
            return (await connection.execute(delete(provider_connections).where(which))).rowcount

        ended = await self._store.write(end)
        if shut_out:
            self._ended.start()
        if ended:
            self._events.record_event("connection.ended", reason=reason, provider=row.provider)
