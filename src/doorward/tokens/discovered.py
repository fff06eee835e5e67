"""Keys of an issuer that is known by its name alone."""

import time

from doorward.errors import DoorwardError
from doorward.net import Clock, Fetcher, FetchFailed
from doorward.tokens.remote import Freshness, RemoteKeys
from doorward.wire import address, server_metadata, strict_json

LARGEST_METADATA = 64 * 1024


class DiscoveredKeys(RemoteKeys):
    """
    The keys to which the issuer's own metadata leads.

    ``internal_url`` is where this process reaches the issuer when that is not the address that
    users and tokens know (``http://keycloak:8080/realms/x`` inside a network of containers). It is
    only fetched from: what metadata and tokens say is still compared to ``issuer``.

    Spec: RFC 8414 §3; OpenID Connect Discovery 1.0 §4
    """

    def __init__(
        self,
        issuer: str,
        *,
        fetcher: Fetcher,
        clock: Clock = time.time,
        freshness: Freshness | None = None,
        internal_url: str | None = None,
    ) -> None:
        super().__init__(issuer, fetcher=fetcher, clock=clock, freshness=freshness)
        self._issuer = issuer
        self._reached_at = internal_url or issuer

    async def _fetch(self) -> tuple[bytes, float | None]:
        # Asked each time, and not only once: when a provider moves its keys, it says so here.
        self._uri = self._inside(await self._discover())
        return await super()._fetch()

    async def _discover(self) -> str:
        failures = []
        for url in server_metadata.metadata_urls(self._reached_at):
            try:
                fetched = await self._fetcher.fetch(url, limit=LARGEST_METADATA)
                document = strict_json.parse_object(fetched.body)
                return server_metadata.parse_jwks_uri(document, self._issuer)
            except (DoorwardError, strict_json.NotStrictJson) as error:
                failures.append(f"{url}: {error}")
        raise FetchFailed("no metadata leads to keys: " + "; ".join(failures))

    def _inside(self, jwks_uri: str) -> str:
        public, inside = address.origin_of(self._issuer), address.origin_of(self._reached_at)
        if jwks_uri.startswith(public + "/"):
            return inside + jwks_uri[len(public) :]
        return jwks_uri
