"""An HTTP client for URLs from untrusted sources, protected against SSRF."""

import asyncio
import ssl
from typing import Protocol

from doorward.net.http.messages import FetchRequest, FetchResponse
from doorward.net.http.refusals import FetchFailed, FetchRefused
from doorward.net.http.resolver import Resolver, resolve
from doorward.net.http.url import read_target


class DocumentFetcher(Protocol):
    """What reads documents: ``Fetcher``, or its stand-in in a test."""

    async def fetch(self, url: str, *, accept: str = ..., limit: int = ...) -> FetchResponse:
        """Return the response with status 200, or raise ``FetchFailed``."""
        ...


class Fetcher:
    """
    Fetches a document over https from a public address, within limits of size and time.

    ``allow_private_hosts`` are exact ``host:port`` values (``"localhost:9000"``) that may be private
    and plain http, such as an issuer on loopback or a provider in the same network. ``timeout`` covers the
    whole fetch, in seconds. ``connections`` limits concurrent fetches.

    It does not follow redirects, use proxies from the environment, or keep cookies. It does not reuse
    connections either: an open one outlives the check of its address. The client needs connection
    reuse and streams. It has ``client.http``, with the same rules on addresses and URLs.
    """

    def __init__(
        self,
        *,
        allow_private_hosts: frozenset[str] = frozenset(),
        timeout: float = 5.0,
        connections: int = 16,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = frozenset(pair.lower() for pair in allow_private_hosts)
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        self._resolver = resolver
        self._tls = tls
        self._is_loaded = False

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5 * 1024
    ) -> FetchResponse:
        """
        Return the response of ``url`` with status 200, of at most ``limit`` bytes.

        Raises:
            FetchRefused: the URL or one of its addresses is not allowed.
            FetchFailed: no response in time, another status, or too many bytes.

        Spec: draft-ietf-oauth-client-id-metadata-document §4, §6.5, §6.6
        """
        return await self._answer(url, FetchRequest(accept=accept), limit, any_status=False)

    async def send(
        self, url: str, request: FetchRequest, *, limit: int = 5 * 1024
    ) -> FetchResponse:
        """
        Return the response to ``request``, with any status, of at most ``limit`` bytes.

        A redirect is returned like any other response.

        Raises:
            FetchRefused: the URL or one of its addresses is not allowed.
            FetchFailed: no response in time, or too many bytes.
        """
        return await self._answer(url, request, limit, any_status=True)

    async def _answer(
        self, url: str, request: FetchRequest, limit: int, *, any_status: bool
    ) -> FetchResponse:
        target = read_target(url)
        timeout = request.timeout or self._timeout
        allowed = target.host_port in self._allowed
        if target.scheme != "https" and not allowed:
            raise FetchRefused(
                f"{target.host_port!r} is plain http and not among the allowed hosts"
            )
        try:
            # One deadline for the whole fetch. With a timeout per read, a peer that sends one byte a
            # second keeps the connection forever.
            async with asyncio.timeout(timeout), self._slots:
                await self._ensure_loaded(secure=target.scheme == "https")
                # Imported by _ensure_loaded, beside the event loop.
                from doorward.net.http.exchange import exchange

                return await exchange(
                    target,
                    request,
                    resolver=self._resolver,
                    internal_too=allowed,
                    tls=self._tls,
                    limit=limit,
                    any_status=any_status,
                )
        except TimeoutError:
            raise FetchFailed(f"{target.host_port!r} took longer than {timeout} s") from None
        except (ssl.SSLError, OSError) as error:
            raise FetchFailed(f"{target.host_port!r}: {type(error).__name__}: {error}") from None

    async def _ensure_loaded(self, *, secure: bool) -> None:
        # At the first fetch: most processes that create a Fetcher at import never fetch. The HTTP
        # library takes 60 ms and 5 MB, the certificate authorities 20 ms and 2 MB. The thread keeps
        # the event loop free.
        if not self._is_loaded or (secure and self._tls is None):
            await asyncio.to_thread(self._load, secure=secure)

    def _load(self, *, secure: bool) -> None:
        import doorward.net.http.exchange  # noqa: F401 - loads it

        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        self._is_loaded = True

    async def aclose(self) -> None:
        """Do nothing: no connection stays open."""
