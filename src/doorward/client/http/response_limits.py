"""How long one answer may take, and how large it may be, over all that it is made of."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import anyio
import httpx2

from doorward.client.refusals import ProtocolBroken

T = TypeVar("T")

EXTENSION = "doorward.answer-limit"
"""The extension of a request that carries the limit of its answer."""


class ResponseLimit:
    """
    What is left of ``seconds`` and ``octets`` for one answer.

    A time-out that begins anew with each read never ends a peer that sends one octet in time. Only
    time spent waiting for the peer counts: neither the user's sign-in nor their answer to a
    question. One limit can cover several requests: retries, a stream that is taken up, pages.
    """

    def __init__(
        self, seconds: float, octets: int, clock: Callable[[], float] = anyio.current_time
    ) -> None:
        self._seconds, self._octets, self._clock = seconds, octets, clock

    async def wait_for(self, waiting: Awaitable[T]) -> T:
        """
        Return what ``waiting`` gives.

        Raises:
            httpx2.ReadTimeout: the time is over.
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
        Count ``octets`` that came from ``host``.

        Raises:
            ProtocolBroken: with reason ``too-large``.
        """
        self._octets -= octets
        if self._octets < 0:
            raise ProtocolBroken(
                "too-large", f"{host} sent too much for one answer.", "No honest answer is so long."
            )


class LimitedTransport(httpx2.AsyncBaseTransport):
    """Holds every answer to the limit that its request carries; the others pass unchanged."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, and bound the stream of its answer."""
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
