"""The connections to one upstream server, kept open between requests."""

import asyncio

from doorward.gateway.upstream_http.connection import UpstreamConnection
from doorward.gateway.upstream_http.dial import Destination, dial
from doorward.net.http.resolver import Resolver

# Less than the 5 s after which uvicorn and Node.js close an idle connection. A call that crosses
# with this close is lost: nobody knows whether the server has run it, so it is never sent twice.
IDLE_LIMIT = 4.0


class ConnectionPool:
    """
    Connections to one host, port and scheme.

    ``calls`` and ``streams`` limit how many requests of each kind are under way: streams stay open for
    hours, and would leave no connection for calls.

    Spec: RFC 9110 §4.3.3
    """

    def __init__(self, destination: Destination, resolver: Resolver, limit: int) -> None:
        self._destination = destination
        self._resolver = resolver
        self._limit = limit
        self.calls = asyncio.Semaphore(limit)
        self.streams = asyncio.Semaphore(limit)
        self._open: set[UpstreamConnection] = set()
        self._idle: list[UpstreamConnection] = []
        self._sweeper: asyncio.TimerHandle | None = None

    def idle(self) -> UpstreamConnection | None:
        """Return an open connection that carries no request, if there is one."""
        newest = asyncio.get_running_loop().time() - IDLE_LIMIT
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since > newest and connection.is_usable():
                return connection
            self._close(connection)
        return None

    async def new(self) -> UpstreamConnection:
        """Return a new connection. Raises: FetchRefused, FetchFailed."""
        connection = await dial(self._destination, self._resolver)
        self._open.add(connection)
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep the connection for the next request, or close it if it can carry none."""
        if not connection.finish() or len(self._idle) >= self._limit:
            self._close(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(IDLE_LIMIT, self._sweep)

    def close(self) -> None:
        """Close every connection, also those that carry requests."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._idle.clear()
        for connection in list(self._open):
            self._close(connection)

    def _close(self, connection: UpstreamConnection) -> None:
        self._open.discard(connection)
        connection.abort()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        newest = loop.time() - IDLE_LIMIT
        kept = [one for one in self._idle if one.idle_since > newest]
        for connection in self._idle:
            if connection.idle_since <= newest:
                self._close(connection)
        self._idle = kept
        self._sweeper = loop.call_later(IDLE_LIMIT, self._sweep) if kept else None
