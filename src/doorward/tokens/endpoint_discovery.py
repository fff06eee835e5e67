"""Where an issuer is asked: as it was set, or as the issuer's own metadata describes it."""

from collections.abc import Callable, Mapping
from typing import Any

from doorward.errors import DoorwardError
from doorward.net import ALWAYS, NEVER, Clock, Fetcher, FetchFailed, SingleFlight, Span
from doorward.wire import address, strict_json
from doorward.wire.oauth import server_metadata

LARGEST_METADATA = 64 * 1024
# For how many seconds the endpoint that the metadata names is believed.
_BELIEVED = 3600.0

Parse = Callable[[Mapping[str, Any], str], str]


async def find_endpoint(
    sought: str, parse: Parse, *, issuer: str, internal_url: str | None, fetcher: Fetcher
) -> str:
    """
    Return where this process reaches what ``parse`` finds in the metadata of ``issuer``.

    ``sought`` is what the failure calls it: ``"a token endpoint"``.

    ``internal_url`` is only fetched from: what the metadata says is compared to ``issuer``, and an
    endpoint under the issuer's public origin is reached where the metadata was.

    Raises:
        FetchFailed: with what was wrong at each place where the metadata may be.

    Spec: RFC 8414 §3; OpenID Connect Discovery 1.0 §4
    """
    reached_at = internal_url or issuer
    failures = []
    for url in server_metadata.metadata_urls(reached_at):
        try:
            fetched = await fetcher.fetch(url, limit=LARGEST_METADATA)
            endpoint = parse(strict_json.parse_object(fetched.body), issuer)
        except (DoorwardError, strict_json.NotStrictJson) as error:
            failures.append(f"{url}: {error}")
            continue
        public, inside = address.origin_of(issuer), address.origin_of(reached_at)
        if endpoint.startswith(public + "/"):
            return inside + endpoint[len(public) :]
        return endpoint
    raise FetchFailed(f"no metadata leads to {sought}: " + "; ".join(failures))


class Endpoint:
    """
    One endpoint of an issuer.

    ``url`` is what the operator set; without it, what ``parse`` finds in the issuer's metadata is
    believed for an hour and then looked for again, once for all who wait.
    """

    def __init__(
        self,
        sought: str,
        url: str | None,
        parse: Parse,
        *,
        issuer: str | None,
        internal_url: str | None,
        fetcher: Fetcher,
        clock: Clock,
    ) -> None:
        self._sought = sought
        self._url = url
        self._believed = NEVER if url is None else ALWAYS
        self._parse = parse
        self._issuer = issuer
        self._internal_url = internal_url
        self._fetcher = fetcher
        self._clock = clock
        self._flight: SingleFlight[str, str] = SingleFlight()

    async def found(self) -> str:
        """
        Return the URL to ask.

        Raises:
            FetchFailed: no metadata leads to it.
        """
        if self._url is not None and self._believed.holds(self._clock()):
            return self._url
        return await self._flight.run("metadata", self._find)

    async def _find(self) -> str:
        assert self._issuer is not None, "an endpoint that was not set belongs to an issuer"
        found = await find_endpoint(
            self._sought,
            self._parse,
            issuer=self._issuer,
            internal_url=self._internal_url,
            fetcher=self._fetcher,
        )
        now = self._clock()
        self._url, self._believed = found, Span(now, now + _BELIEVED)
        return found
