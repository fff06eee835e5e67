"""The one way in which this package reads a URL that somebody else wrote down."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpcore2

from doorward.net.connection import PinnedBackend, Resolver, resolve
from doorward.net.refusals import FetchFailed, FetchRefused
from doorward.net.target import Target, read_target

_MAX_AGE = re.compile(r'(?:^|[,\s])(?:s-maxage|max-age)="?([0-9]{1,10})"?', re.IGNORECASE)
_UNCACHED = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?:$|[,\s=])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fetched:
    """
    An answer: from ``fetch`` always one with status 200.

    ``headers`` has names in lower case. ``max_age`` is in seconds: how much longer its author lets
    it be kept; ``None`` when nothing was said, 0 when it may not be kept.
    """

    status: int
    # Not in representations: a token endpoint's answer is a token, and a question to one a secret.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    max_age: float | None

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; empty when none was named."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent: ``body`` with its media type, and the media type that is wanted back."""

    method: str = "GET"
    accept: str = "application/json"
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    authorization: str | None = field(default=None, repr=False)

    def headers(self, target: Target) -> list[tuple[str, str]]:
        """Return the headers of this question to ``target``."""
        headers = [
            ("Host", target.host_header),
            ("Accept", self.accept),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "doorward"),
            ("Connection", "close"),
        ]
        if self.method != "GET":
            headers.append(("Content-Length", str(len(self.body))))
        if self.content_type is not None:
            headers.append(("Content-Type", self.content_type))
        if self.authorization is not None:
            headers.append(("Authorization", self.authorization))
        return headers


class Fetcher:
    """
    The guarded fetcher: over https, to public addresses, once, and not much of it.

    ``allow_private_hosts`` are exact ``host:port`` pairs (``"localhost:9000"``) which may be
    private and may be plain http: an issuer on loopback, a provider in the same network. ``timeout``
    is for the whole fetch, in seconds. ``connections`` is how many fetches run at a time.

    Redirects are not followed, proxies from the environment are not used, cookies are not kept.
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

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5 * 1024
    ) -> Fetched:
        """
        Return what ``url`` answers, at most ``limit`` bytes of it.

        Raises:
            FetchRefused: the URL or an address behind it is none that this process goes to.
            FetchFailed: no answer in time, or one other than a 200 of at most ``limit`` bytes.

        Spec: draft-ietf-oauth-client-id-metadata-document §4, §6.5, §6.6
        """
        return await self._exchange(url, Question(accept=accept), limit, any_status=False)

    async def ask(self, url: str, question: Question, *, limit: int = 5 * 1024) -> Fetched:
        """
        Return what ``url`` answers to ``question``, whatever its status.

        For whoever learns from refusals. A redirect is an answer like any other.

        Raises:
            FetchRefused: the URL or an address behind it is none that this process goes to.
            FetchFailed: no answer in time, or one of more than ``limit`` bytes.
        """
        return await self._exchange(url, question, limit, any_status=True)

    async def _exchange(
        self, url: str, question: Question, limit: int, *, any_status: bool
    ) -> Fetched:
        target = read_target(url)
        allowed = target.pair in self._allowed
        if target.scheme != "https" and not allowed:
            raise FetchRefused(f"{target.pair!r} is plain http and not among the allowed hosts")
        try:
            # One deadline for everything: a timeout per read lets a peer that sends one byte a
            # second hold the connection for as long as it likes.
            async with asyncio.timeout(self._timeout), self._turns:
                backend = PinnedBackend(self._resolver, anywhere=allowed)
                return await self._send(target, backend, question, limit, any_status=any_status)
        except TimeoutError:
            raise FetchFailed(f"{target.pair!r} took longer than {self._timeout} s") from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
        ) as error:
            raise FetchFailed(f"{target.pair!r}: {type(error).__name__}: {error}") from None
        except (ssl.SSLError, OSError) as error:
            raise FetchFailed(f"{target.pair!r}: {type(error).__name__}: {error}") from None

    async def _send(
        self,
        target: Target,
        backend: PinnedBackend,
        question: Question,
        limit: int,
        *,
        any_status: bool,
    ) -> Fetched:
        url = httpcore2.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        # A pool for one request: a connection kept open would outlive the check of its address.
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=self._context() if target.scheme == "https" else None,
                max_connections=1,
                network_backend=backend,
            ) as pool,
            pool.stream(
                question.method,
                url,
                headers=question.headers(target),
                content=question.body or None,
            ) as answer,
        ):
            return await _read(answer, target, limit, any_status=any_status)

    def _context(self) -> ssl.SSLContext:
        # Made at the first fetch that needs it: loading the authorities takes 20 ms and 2 MB, and
        # most processes that make a Fetcher at import never fetch, or fetch from beside them.
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    async def aclose(self) -> None:
        """Do nothing more than say that this fetcher is done with: no connection is kept."""


async def _read(
    answer: httpcore2.Response, target: Target, limit: int, *, any_status: bool
) -> Fetched:
    # Redirects too: the address behind one was never checked, and following it with a check of its
    # own still lets the first host choose where this process goes next.
    if answer.status != 200 and not any_status:
        raise FetchFailed(f"{target.pair!r} answered {answer.status}")
    headers = _headers(answer)
    # We asked for none; whoever encodes regardless may send 5 kB that unpack to 5 GB.
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise FetchFailed(f"{target.pair!r} answered with an encoded body")
    body = bytearray()
    async for part in answer.aiter_stream():
        body += part
        if len(body) > limit:
            raise FetchFailed(f"{target.pair!r} sent more than {limit} bytes")
    return Fetched(answer.status, headers, bytes(body), _max_age(headers))


def _headers(answer: httpcore2.Response) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in answer.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        merged[key] = f"{merged[key]}, {text}" if key in merged else text
    return merged


def _max_age(headers: Mapping[str, str]) -> float | None:
    policy = headers.get("cache-control", "")
    if _UNCACHED.search(policy):
        return 0.0
    found = _MAX_AGE.search(policy)
    if found is None:
        return None
    age = headers.get("age", "0").strip()
    return max(0.0, float(found[1]) - (float(age) if age.isascii() and age.isdigit() else 0.0))
