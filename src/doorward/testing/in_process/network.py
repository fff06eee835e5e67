"""A network in this process: each URL leads to an application, and nothing leaves the process."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from doorward.wire.address import origin_of
from doorward.wire.asgi import ASGIApp

_PEER = ("127.0.0.1", 40000)


@dataclass(frozen=True)
class Site:
    """An application, its origin, and the paths there that are its own."""

    origin: str
    app: ASGIApp
    serves: Callable[[str], bool]


class InProcessNetwork(httpx2.AsyncBaseTransport):
    """
    Sends each request to the first of ``sites`` that serves its URL.

    Raises ``httpx2.ConnectError`` for every other URL.
    """

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self._sites = [
            (site, httpx2.ASGITransport(app=site.app, client=_PEER, raise_app_exceptions=False))
            for site in sites
        ]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return what the application at this URL answers."""
        origin = origin_of(str(request.url))
        for site, transport in self._sites:
            if site.origin == origin and site.serves(request.url.path):
                return await transport.handle_async_request(request)
        raise httpx2.ConnectError(f"no application in this test serves {origin}", request=request)
