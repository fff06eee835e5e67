"""The one way in which this package reads a URL that somebody else wrote down."""

import asyncio
import ssl

from doorward.net.messages import FetchRequest, FetchResponse
from doorward.net.refusals import FetchFailed, FetchRefused
from doorward.net.resolver import Resolver, resolve
from doorward.net.url import read_target


class Fetcher:
    """
    The guarded fetcher: over https, to public addresses, once, and not much of it.

    ``allow_private_hosts`` are exact ``host:port`` pairs (``"localhost:9000"``) which may be
    private and may be plain http: an issuer on loopback, a provider in the same network. ``timeout``
    is for the whole fetch, in seconds. ``connections`` is how many fetches run at a time.

    Redirects are not followed, proxies from the environment are not used, cookies are not kept.
    Connections are not kept either: one that stays open outlives the check of its address. The client
    needs kept connections and streams, and has ``client.http`` for them, with the same rules on
    addresses and URLs.
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
        self._turns = asyncio.Semaphore(connections)
        self._resolver = resolver
        self._tls = tls
        self._prepared = False

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5 * 1024
    ) -> FetchResponse:
        """
        Return what ``url`` answers, at most ``limit`` bytes of it.

        Raises:
            FetchRefused: the URL or an address behind it is none that this process goes to.
            FetchFailed: no answer in time, or one other than a 200 of at most ``limit`` bytes.

        Spec: draft-ietf-oauth-client-id-metadata-document §4, §6.5, §6.6
        """
        return await self._answer(url, FetchRequest(accept=accept), limit, any_status=False)

    async def ask(
        self, url: str, question: FetchRequest, *, limit: int = 5 * 1024
    ) -> FetchResponse:
        """
        Return what ``url`` answers to ``question``, whatever its status.

        For whoever learns from refusals. A redirect is an answer like any other.

        Raises:
            FetchRefused: the URL or an address behind it is none that this process goes to.
            FetchFailed: no answer in time, or one of more than ``limit`` bytes.
        """
        return await self._answer(url, question, limit, any_status=True)

    async def _answer(
        self, url: str, question: FetchRequest, limit: int, *, any_status: bool
    ) -> FetchResponse:
        target = read_target(url)
        allowed = target.pair in self._allowed
        if target.scheme != "https" and not allowed:
            raise FetchRefused(f"{target.pair!r} is plain http and not among the allowed hosts")
        try:
            # One deadline for everything: a timeout per read lets a peer that sends one byte a
            # second hold the connection for as long as it likes.
            async with asyncio.timeout(self._timeout), self._turns:
                await self._prepare(secure=target.scheme == "https")
                # Brought in above, where nobody waits for it.
                from doorward.net.exchange import exchange

                return await exchange(
                    target,
                    question,
                    resolver=self._resolver,
                    anywhere=allowed,
                    tls=self._tls,
                    limit=limit,
                    any_status=any_status,
                )
        except TimeoutError:
            raise FetchFailed(f"{target.pair!r} took longer than {self._timeout} s") from None
        except (ssl.SSLError, OSError) as error:
            raise FetchFailed(f"{target.pair!r}: {type(error).__name__}: {error}") from None

    async def _prepare(self, *, secure: bool) -> None:
        # By the first fetch that needs them, because most processes that make a Fetcher at import
        # never fetch, or fetch from beside them: the HTTP library takes 60 ms and 5 MB, and the
        # authorities 20 ms and 2 MB. Beside the event loop, where nobody else waits for them.
        if not self._prepared or (secure and self._tls is None):
            await asyncio.to_thread(self._bring_in, secure=secure)

    def _bring_in(self, *, secure: bool) -> None:
        import doorward.net.exchange  # noqa: F401 - for whoever asks next

        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        self._prepared = True

    async def aclose(self) -> None:
        """Do nothing more than say that this fetcher is done with: no connection is kept."""
