"""Keys that the metadata of an issuer leads to."""

import time

from doorward.net import Clock, Fetcher
from doorward.tokens.endpoint_discovery import find_endpoint
from doorward.tokens.jwt.remote_keys import Freshness, RemoteKeys
from doorward.wire.oauth import server_metadata


class DiscoveredKeys(RemoteKeys):
    """
    The keys at the ``jwks_uri`` in the issuer's metadata.

    ```python
    keys = DiscoveredKeys(
        "https://login.example/realms/mcp",
        internal_url="http://keycloak:8080/realms/mcp",
        fetcher=fetcher,
    )
    ```

    ``internal_url`` is where this process reaches the issuer, if that is not its public address
    (``http://keycloak:8080/realms/x`` in a network of containers). Only the fetch goes there:
    metadata and tokens are still compared to ``issuer``.

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
        # Read for each fetch: when a provider moves its keys, its metadata says so.
        self._uri = await find_endpoint(
            "keys",
            server_metadata.parse_jwks_uri,
            issuer=self._issuer,
            internal_url=self._internal_url,
            fetcher=self._fetcher,
        )
        return await super()._fetch()
