"""Limits the time and the size of a response, over all its chunks and requests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import anyio
import httpx2

from doorward.client.refusals import ProtocolBroken

T = TypeVar("T")

EXTENSION = "doorward.answer-limit"
"""The request extension with the limit of its response."""


class ResponseLimit:
    """
    The remaining ``seconds`` and ``octets`` for one response.

    A timeout per read never stops a server that sends one byte at a time. Only the time spent
    waiting for the server counts, not the user's sign-in or input. One limit can cover several
    requests: retries, a resumed stream, pages.
    """

    def __init__(
        self, seconds: float, octets: int, clock: Callable[[], float] = anyio.current_time
    ) -> None:
        self._seconds, self._octets, self._clock = seconds, octets, clock

    async def wait_for(self, waiting: Awaitable[T]) -> T:
        """
        Return the result of ``waiting``.

        Raises:
            httpx2.ReadTimeout: no time is left.
        """
        begun = self._clock()
        try:
            with anyio.fail_after(max(self._seconds, 0.0)):
                found = await waiting
        except TimeoutError:
            raise httpx2.ReadTimeout("the answer took too long") from None
        finally:
            self._seconds -= self._clock() - begun
        if self._seconds <= 0:
            raise httpx2.ReadTimeout("the answer took too long")
        return found

    def take(self, octets: int, host: str) -> None:
        """
        Count ``octets`` received from ``host``.

        Raises:
            ProtocolBroken: with reason ``too-large``.
        """
        self._octets -= octets
        if self._octets < 0:
            raise ProtocolBroken(
                "too-large",
                f"{host} sent more than one response may have.",
                "The server's operator must send shorter responses.",
            )


class LimitedTransport(httpx2.AsyncBaseTransport):
    """Applies the limit in a request's extensions to its response."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, and limit the stream of its response."""
        limit = request.extensions.get(EXTENSION)
        if not isinstance(limit, ResponseLimit):
            return await self._inner.handle_async_request(request)
        response = await limit.wait_for(self._inner.handle_async_request(request))
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Limited(response.stream, limit, request.url.host)
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: ResponseLimit, host: str) -> None:
        self._inner, self._limit, self._host = inner, limit, host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        ended: Any = object()
        while True:
            chunk = await self._limit.wait_for(anext(chunks, ended))
            if chunk is ended:
                return
            self._limit.take(len(chunk), self._host)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
