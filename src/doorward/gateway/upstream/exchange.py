"""One request to an upstream server, and its response while it arrives."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpcore2

from doorward.gateway.headers import Header, response_headers
from doorward.gateway.refusals import UpstreamBroken, UpstreamSlow, UpstreamUnreachable
from doorward.net.http.connection import PinnedBackend
from doorward.net.http.refusals import FetchFailed
from doorward.net.http.resolver import Resolver, resolve

_CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True, kw_only=True)
class UpstreamRequest:
    """A request to send upstream; the body is complete, so its length is known."""

    method: str
    origin: str
    target: bytes
    # Passwords, codes and cookies travel in these.
    headers: Sequence[Header] = field(repr=False)
    body: bytes = field(repr=False)


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
    to the chunks of an event stream.
    """

    def __init__(
        self, *, timeout: float, connections: int, tls: bool, resolver: Resolver = resolve
    ) -> None:
        self._timeout = timeout
        self._pool = httpcore2.AsyncConnectionPool(
            # If all upstream servers use plain http, no CA certificates need to be loaded.
            ssl_context=ssl.create_default_context() if tls else None,
            max_connections=connections,
            keepalive_expiry=15.0,
            network_backend=PinnedBackend(resolver, internal_too=True),
        )

    @asynccontextmanager
    async def send(self, request: UpstreamRequest) -> AsyncIterator[UpstreamResponse]:
        """
        Yield the response to ``request``. Leaving the block also cancels the request upstream.

        Raises:
            UpstreamUnreachable: 502, the server accepts no connection, or its address is not allowed.
            UpstreamSlow: 504, the response did not start in time.
            UpstreamBroken: 502, the response is not HTTP.
        """
        origin = request.origin
        http_request = httpcore2.Request(
            request.method,
            f"{origin}{request.target.decode('ascii')}",
            headers=[*request.headers, *_framing(request)],
            content=request.body,
            extensions={"timeout": {"connect": _CONNECT_TIMEOUT, "write": self._timeout}},
        )
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._pool.handle_async_request(http_request)
        except (TimeoutError, httpcore2.PoolTimeout, httpcore2.WriteTimeout):
            raise UpstreamSlow(f"{origin} did not begin within {self._timeout} s") from None
        except (FetchFailed, httpcore2.ConnectError, httpcore2.ConnectTimeout, OSError) as error:
            raise UpstreamUnreachable(f"{origin}: {type(error).__name__}: {error}") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise UpstreamBroken(f"{origin}: {type(error).__name__}: {error}") from None
        try:
            headers = response_headers(response.headers)
            yield UpstreamResponse(
                response.status, headers, self._chunks(response, headers, origin)
            )
        finally:
            await response.aclose()

    async def _chunks(
        self, response: httpcore2.Response, headers: Sequence[Header], origin: str
    ) -> AsyncIterator[bytes]:
        kind = dict(headers).get(b"content-type", b"").partition(b";")[0].strip().lower()
        timeout = None if kind == b"text/event-stream" else self._timeout
        parts = aiter(response.aiter_stream())
        try:
            while True:
                async with asyncio.timeout(timeout):
                    part = await anext(parts, None)
                if part is None:
                    return
                yield part
        except TimeoutError:
            raise UpstreamSlow(f"{origin} went silent for {timeout} s in its answer") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise UpstreamBroken(f"{origin}: {type(error).__name__}: {error}") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


def _framing(request: UpstreamRequest) -> list[Header]:
    if not request.body and request.method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return []
    return [(b"content-length", str(len(request.body)).encode())]
