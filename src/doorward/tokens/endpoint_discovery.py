"""The URL of an issuer's endpoint: the configured one, or the one in the issuer's metadata."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from doorward.errors import DoorwardError
from doorward.net import ALWAYS, NEVER, Clock, Fetcher, FetchFailed, SingleFlight, TimeRange
from doorward.net.http.fetcher import DocumentFetcher
from doorward.wire import address, strict_json
from doorward.wire.oauth import server_metadata

MAX_METADATA = 64 * 1024
# For how many seconds an endpoint from the metadata is used.
_METADATA_TTL = 3600.0

T = TypeVar("T")
Parse = Callable[[Mapping[str, Any], str], str]


async def find_endpoint(
    name: str, parse: Parse, *, issuer: str, internal_url: str | None, fetcher: DocumentFetcher
) -> str:
    """
    Return the URL at which this process reaches what ``parse`` reads from the issuer's metadata.

    ``name`` is for error messages, such as ``"a token endpoint"``.

    Only the fetch goes to ``internal_url``: the metadata is still compared to ``issuer``. An
    endpoint under the issuer's public origin is reached at the internal one.

    Raises:
        FetchFailed: with the problem at each URL where the metadata may be.

    Spec: RFC 8414 §3; OpenID Connect Discovery 1.0 §4
    """
    urls = server_metadata.metadata_urls(internal_url or issuer)
    endpoint = await fetch_metadata(name, parse, urls, issuer=issuer, fetcher=fetcher)
    return reachable_url(endpoint, issuer, internal_url)


async def fetch_metadata(
    name: str,
    parse: Callable[[Mapping[str, Any], str], T],
    urls: Iterable[str],
    *,
    issuer: str,
    fetcher: DocumentFetcher,
) -> T:
    """
    Return what ``parse`` reads from the first usable metadata document of ``issuer``.

    Raises:
        FetchFailed: with the problem at each of ``urls``.
    """
    failures = []
    for url in urls:
        try:
            fetched = await fetcher.fetch(url, limit=MAX_METADATA)
            return parse(strict_json.parse_object(fetched.body), issuer)
        except (DoorwardError, strict_json.NotStrictJson) as error:
            failures.append(f"{url}: {error}")
    raise FetchFailed(f"no metadata leads to {name}: " + "; ".join(failures))


def reachable_url(url: str, issuer: str, internal_url: str | None) -> str:
    """Return where this process reaches ``url``: at the internal origin, if it is the issuer's own."""
    public = address.origin_of(issuer)
    # With the slash: a host that only begins like the issuer's is another host.
    if internal_url is None or not url.startswith(public + "/"):
        return url
    return address.origin_of(internal_url) + url[len(public) :]


class IssuerEndpoint:
    """
    One endpoint of an issuer.

    ``configured`` is the URL that the operator set. Without it, ``parse`` finds the URL in the
    issuer's metadata. That URL is used for an hour; concurrent callers share one lookup.
    """

    def __init__(
        self,
        name: str,
        configured: str | None,
        parse: Parse,
        *,
        issuer: str | None,
        internal_url: str | None,
        fetcher: Fetcher,
        clock: Clock,
    ) -> None:
        self._name = name
        self._url = configured
        self._valid = NEVER if configured is None else ALWAYS
        self._parse = parse
        self._issuer = issuer
        self._internal_url = internal_url
        self._fetcher = fetcher
        self._clock = clock
        self._flight: SingleFlight[str, str] = SingleFlight()

    async def url(self) -> str:
        """
        Return the URL of the endpoint.

        Raises:
            FetchFailed: no metadata leads to it.
        """
        if self._url is not None and self._valid.contains(self._clock()):
            return self._url
        return await self._flight.run("metadata", self._discover)

    async def _discover(self) -> str:
        assert self._issuer is not None, "an endpoint without a configured URL has an issuer"
        found = await find_endpoint(
            self._name,
            self._parse,
            issuer=self._issuer,
            internal_url=self._internal_url,
            fetcher=self._fetcher,
        )
        now = self._clock()
        self._url, self._valid = found, TimeRange(now, now + _METADATA_TTL)
        return found
