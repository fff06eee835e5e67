"""One request to an upstream server, and its response while it arrives."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

from doorward.gateway.headers import Header, response_headers
from doorward.gateway.refusals import UpstreamBroken, UpstreamSlow, UpstreamUnreachable
from doorward.gateway.upstream_http.connection import UpstreamConnection
from doorward.gateway.upstream_http.dial import Destination
from doorward.gateway.upstream_http.pool import ConnectionPool
from doorward.gateway.upstream_http.request_head import build_head
from doorward.gateway.upstream_http.response_reader import InvalidResponse, ResponseReader
from doorward.net.http.refusals import FetchFailed
from doorward.net.http.resolver import Resolver, resolve
from doorward.wire.http_headers import InvalidHeader, media_type

# Only these may be sent twice: a second tools/call would run the tool twice.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True)
class UpstreamRequest:
    """
    A request to send upstream; the body is complete, so its length is known.

    ``is_stream``: the response is a stream that stays open while the caller listens.
    """

    method: str
    origin: str
    target: bytes
    # Passwords, codes and cookies travel in these.
    headers: Sequence[Header] = field(repr=False)
    body: bytes = field(repr=False)
    is_stream: bool = False


@dataclass(frozen=True)
class UpstreamResponse:
    """A response whose body is still arriving."""

    status: int
    headers: list[Header] = field(repr=False)
    chunks: AsyncIterator[bytes]


class Upstream:
    """
    Sends requests to the upstream servers.

    ``timeout`` is in seconds. It applies to the start of a response and to each later chunk, but not
    to the chunks of an event stream. Each server gets at most ``connections`` calls at once, and as
    many streams. ``tls`` verifies certificates.
    """

    def __init__(
        self,
        *,
        timeout: float,
        connections: int,
        tls: ssl.SSLContext | None,
        resolver: Resolver = resolve,
    ) -> None:
        self.timeout = timeout
        self._connections = connections
        self._tls = tls
        self._resolver = resolver
        self._pools: dict[str, ConnectionPool] = {}

    def send(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamResponse]:
        """
        Yield the response to ``request``. Leaving the block also cancels the request upstream.

        Raises:
            UpstreamUnreachable: 502, the server accepts no connection, or its address is not allowed.
            UpstreamSlow: 504, the response did not start in time.
            UpstreamBroken: 502, the response is not HTTP.
        """
        return _Exchange(self.timeout, self._pool(request.origin), request)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, origin: str) -> ConnectionPool:
        pool = self._pools.get(origin)
        if pool is None:
            parts = urlsplit(origin)
            tls = self._tls if parts.scheme == "https" else None
            if parts.scheme == "https" and tls is None:
                raise ValueError("an https origin needs a TLS context")
            port = parts.port or (80 if tls is None else 443)
            destination = Destination(host=parts.hostname or "", port=port, tls=tls)
            pool = ConnectionPool(destination, self._resolver, self._connections)
            self._pools[origin] = pool
        return pool


class _Exchange(AbstractAsyncContextManager[UpstreamResponse]):
    """A request from its place in the pool to the end of its response."""

    def __init__(self, seconds: float, pool: ConnectionPool, request: UpstreamRequest) -> None:
        self._seconds = seconds
        self._pool = pool
        self._request = request
        self._place: asyncio.Semaphore | None = None
        self._connection: UpstreamConnection | None = None

    async def __aenter__(self) -> UpstreamResponse:
        origin = self._request.origin
        try:
            reader = await self._begin()
        except BaseException as error:
            self._leave()
            if isinstance(error, TimeoutError):
                detail = f"{origin} did not begin within {self._seconds} s"
                raise UpstreamSlow(detail) from None
            if isinstance(error, FetchFailed):
                raise UpstreamUnreachable(f"{origin}: {error}") from None
            if isinstance(error, InvalidResponse | InvalidHeader):
                raise UpstreamBroken(f"{origin}: {error}") from None
            raise
        assert reader.status is not None
        assert self._connection is not None
        headers = response_headers(reader.headers)
        kind = media_type(dict(headers).get(b"content-type", b""))
        seconds = None if kind == b"text/event-stream" else self._seconds
        return UpstreamResponse(reader.status, headers, _Chunks(self._connection, origin, seconds))

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._leave()

    async def _begin(self) -> ResponseReader:
        request, pool = self._request, self._pool
        head = build_head(request.method, request.target, request.headers, len(request.body))
        ends = asyncio.get_running_loop().time() + self._seconds
        place = pool.streams if request.is_stream else pool.calls
        if place.locked():
            async with asyncio.timeout_at(ends):
                await place.acquire()
        else:
            await place.acquire()
        self._place = place
        self._connection = pool.idle()
        if self._connection is not None:
            try:
                return await self._send(self._connection, head, ends)
            except InvalidResponse:
                if request.method not in _SAFE or not self._connection.untouched:
                    raise
                pool.give_back(self._connection)
                self._connection = None
        async with asyncio.timeout_at(ends):
            self._connection = await pool.new()
        return await self._send(self._connection, head, ends)

    async def _send(
        self, connection: UpstreamConnection, head: bytes, ends: float
    ) -> ResponseReader:
        seconds = ends - asyncio.get_running_loop().time()
        return await connection.send(self._request.method, head, self._request.body, seconds)

    def _leave(self) -> None:
        if self._connection is not None:
            self._pool.give_back(self._connection)
            self._connection = None
        if self._place is not None:
            self._place.release()
            self._place = None


class _Chunks:
    """The body of a response, in parts as they arrive."""

    def __init__(self, connection: UpstreamConnection, origin: str, seconds: float | None) -> None:
        self._connection = connection
        self._origin = origin
        self._seconds = seconds

    def __aiter__(self) -> "_Chunks":
        return self

    async def __anext__(self) -> bytes:
        try:
            part = await self._connection.part(self._seconds)
        except TimeoutError:
            detail = f"{self._origin} went silent for {self._seconds} s in its answer"
            raise UpstreamSlow(detail) from None
        except InvalidResponse as error:
            raise UpstreamBroken(f"{self._origin}: {error}") from None
        if not part:
            raise StopAsyncIteration
        return part
