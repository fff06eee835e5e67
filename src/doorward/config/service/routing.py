"""One process for several addresses: which application answers a request."""

from collections.abc import Sequence
from dataclasses import dataclass

from doorward.errors import HostRefused
from doorward.guard.http.paths import EndpointPaths, Place
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send
from doorward.wire.host_origin import HostOriginPolicy, only_value

# The endpoint first: the endpoint of one server may be below that of another one.
_ORDER: tuple[Place, ...] = ("endpoint", "ambiguous", "metadata", "below", "well-known")


@dataclass(frozen=True)
class Site:
    """A guarded MCP server: the hosts and paths that are its own, and the guard in front of it."""

    hosts: HostOriginPolicy
    paths: EndpointPaths
    app: ASGIApp

    def serves(self, host: bytes | None) -> bool:
        """Return whether ``host`` is one of this server's."""
        try:
            self.hosts.require_host(host)
        except HostRefused:
            return False
        return True


class Router:
    """
    Sends each request to the MCP server that its host and path name, and others to ``rest``.

    It only chooses. The guard of a server, and the authorization server, refuse what is not theirs:
    a request that fits nobody goes to one of them. Without ``rest``, that is the first guard.
    """

    def __init__(self, sites: Sequence[Site], rest: ASGIApp | None) -> None:
        self._sites = tuple(sites)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        await self.find(scope)(scope, receive, send)

    def find(self, scope: Scope) -> ASGIApp:
        """Return the application that answers ``scope``."""
        host = only_value(scope["headers"], b"host")
        own = [one for one in self._sites if one.serves(host)]
        found: dict[Place, ASGIApp] = {}
        for site in own:
            place = site.paths.place(scope["path"], scope.get("raw_path"))
            found.setdefault(place, site.app)
        for place in _ORDER:
            if place in found:
                return found[place]
        if self._rest is not None:
            return self._rest
        return (own or self._sites)[0].app
