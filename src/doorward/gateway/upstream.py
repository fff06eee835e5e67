"""One request to an upstream server, and its response while it arrives."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpcore2

from doorward.gateway.headers import Header, response_headers
from doorward.gateway.refusals import UpstreamBroken, UpstreamSlow, UpstreamUnreachable

_CONNECT_WITHIN = 5.0


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
    Asks the servers behind. ``patience`` is in seconds: for an answer to begin, and for each part
    of it that follows; a stream of events may be silent for as long as it likes.
    """

    def __init__(self, *, patience: float, connections: int, tls: bool) -> None:
        self._patience = patience
        self._pool = httpcore2.AsyncConnectionPool(
            # If all upstream servers use plain http, no CA certificates need to be loaded.
            ssl_context=ssl.create_default_context() if tls else None,
            max_connections=connections,
            keepalive_expiry=15.0,
        )

    @asynccontextmanager
    async def ask(self, question: UpstreamRequest) -> AsyncIterator[UpstreamResponse]:
        """
        Give the answer to ``question``; leaving the block ends the request there too.

        Raises:
            UpstreamUnreachable: 502, nobody listens there.
            UpstreamSlow: 504, it did not begin to answer in time.
            UpstreamBroken: 502, its answer is no HTTP.
        """
        where = question.origin
        request = httpcore2.Request(
            question.method,
            f"{where}{question.target.decode('ascii')}",
            headers=[*question.headers, *_framing(question)],
            content=question.body,
            extensions={"timeout": {"connect": _CONNECT_WITHIN, "write": self._patience}},
        )
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._pool.handle_async_request(request)
        except (TimeoutError, httpcore2.PoolTimeout, httpcore2.WriteTimeout):
            raise UpstreamSlow(f"{where} did not begin within {self._patience} s") from None
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout, OSError) as error:
            raise UpstreamUnreachable(f"{where}: {type(error).__name__}: {error}") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise UpstreamBroken(f"{where}: {type(error).__name__}: {error}") from None
        try:
            headers = response_headers(answer.headers)
            yield UpstreamResponse(answer.status, headers, self._chunks(answer, headers, where))
        finally:
            await answer.aclose()

    async def _chunks(
        self, answer: httpcore2.Response, headers: Sequence[Header], where: str
    ) -> AsyncIterator[bytes]:
        kind = dict(headers).get(b"content-type", b"").partition(b";")[0].strip().lower()
        longest = None if kind == b"text/event-stream" else self._patience
        parts = aiter(answer.aiter_stream())
        try:
            while True:
                async with asyncio.timeout(longest):
                    part = await anext(parts, None)
                if part is None:
                    return
                yield part
        except TimeoutError:
            raise UpstreamSlow(f"{where} went silent for {longest} s in its answer") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise UpstreamBroken(f"{where}: {type(error).__name__}: {error}") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


def _framing(question: UpstreamRequest) -> list[Header]:
    if not question.body and question.method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return []
    return [(b"content-length", str(len(question.body)).encode())]
