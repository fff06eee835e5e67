"""The routes of the gateway: which path goes to which upstream server."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from doorward.errors import ConfigurationError
from doorward.gateway.refusals import AmbiguousPath, NotForwarded
from doorward.net.http.addresses import not_unicast
from doorward.wire.address import origin_of, split

# Which web pages may read the response: those of any origin, those of the allowed origins, or those
# that the upstream server names. In the last case the gateway keeps the upstream CORS headers.
CorsPolicy = Literal["any-origin", "allowed-origins", "upstream"]

# Paths that every parser reads alike: nothing encoded, no dot segments, no empty segments.
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+"
_PLAIN = re.compile(rf"/(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


@dataclass(frozen=True, kw_only=True)
class Route:
    """
    A path, and the upstream server that it is forwarded to.

    ```python
    Route(path="/mcp", upstream="http://localhost:9000")  # this path alone
    Route(path="/api/", upstream="http://localhost:9000")  # every path below it
    ```

    ``path`` is exact, or a prefix if it ends in a slash. ``upstream`` is the origin of the upstream
    server. ``target`` replaces the caller's path. With ``issuer``, the response is a metadata
    document, and the gateway forwards it only if it names that issuer.

    Raises:
        ConfigurationError: ``not-a-path``, ``not-an-origin``, ``upstream-address``.
    """

    path: str
    upstream: str
    target: str | None = None
    cors: CorsPolicy = "allowed-origins"
    issuer: str | None = None

    def __post_init__(self) -> None:
        for path in (self.path, self.target or self.path):
            require_path(path)
        require_address(require_origin(self.upstream))

    def matches(self, path: str) -> bool:
        """Return whether this route is for ``path``."""
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path


def find(routes: Sequence[Route], path: str, raw_path: bytes | None) -> Route:
    """
    Return the first route for ``path``.

    Raises:
        AmbiguousPath: 400, two parsers could read different paths.
        NotForwarded: 404, no route matches.
    """
    written = path if raw_path is None else raw_path.partition(b"?")[0].decode("latin-1")
    # "/realms/mcp-realm/..%2f..%2fadmin" is under the prefix here, and under /admin for a server that decodes.
    if written != path or not _PLAIN.fullmatch(path):
        raise AmbiguousPath(f"path={path[:200]!r} raw={written[:200]!r}")
    for route in routes:
        if route.matches(path):
            return route
    raise NotForwarded(f"path={path[:200]!r}")


def require_path(path: str) -> str:
    """Return ``path`` if every parser reads it alike; raise ``ConfigurationError`` otherwise."""
    if not _PLAIN.fullmatch(path):
        raise ConfigurationError(
            "not-a-path",
            f"{path!r} is not a plain path.",
            "Give a path such as /mcp, without encoding, dots or doubled slashes.",
        )
    return path


def require_origin(url: str) -> str:
    """Return ``url`` if it is an origin and nothing more; raise ``ConfigurationError`` otherwise."""
    parts = split(url)
    if parts is None or parts.scheme not in ("http", "https") or origin_of(url) != url:
        raise ConfigurationError(
            "not-an-origin",
            f"{url!r} is not the address of a server.",
            "Give scheme, host and port without a path, such as http://localhost:8080.",
        )
    return url


def require_address(url: str) -> None:
    """
    Refuse an IP address at which no server can be meant; a name is checked when it is used.

    Raises:
        ConfigurationError: ``upstream-address``.
    """
    host = urlsplit(url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return
    if not_unicast([host]):
        raise ConfigurationError(
            "upstream-address",
            f"{url!r} is an address that the gateway never connects to.",
            "Use the address of the server, such as 127.0.0.1. 169.254.169.254 has a cloud's secrets.",
        )


def authority_of(origin: str) -> str:
    """Return the ``host:port`` of an origin, as written in ``Host``."""
    return urlsplit(origin).netloc
