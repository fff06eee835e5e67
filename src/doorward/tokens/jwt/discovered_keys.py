"""Keys of an issuer that is known by its name alone."""

import time

from doorward.net import Clock, Fetcher
from doorward.tokens.endpoint_discovery import find_endpoint
from doorward.tokens.jwt.remote_keys import Freshness, RemoteKeys
from doorward.wire.oauth import server_metadata


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
        self._internal_url = internal_url

    async def _fetch(self) -> tuple[bytes, float | None]:
        # Asked each time, and not only once: when a provider moves its keys, it says so here.
        self._uri = await find_endpoint(
            "keys",
            server_metadata.parse_jwks_uri,
            issuer=self._issuer,
            internal_url=self._internal_url,
            fetcher=self._fetcher,
        )
        return await super()._fetch()
