"""The host names this server answers to, and the web origins it answers."""

from collections.abc import Collection
from urllib.parse import urlsplit

from doorward.errors import ConfigurationError
from doorward.guard.refusals import UnlistedHost, UnlistedOrigin
from doorward.wire.address import is_loopback_host, origin_of, split

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Addresses:
    """
    The hosts and origins of one resource, derived from its public address.

    A page of an attacker can give its own host name this machine's address. The browser then sends
    that name as Host, which is why Host is checked and not only Origin.
    """

    def __init__(
        self, resource: str, hosts: Collection[str] | None, origins: Collection[str] | None
    ) -> None:
        parts = urlsplit(resource)
        self._loopback = is_loopback_host(parts.hostname)
        self._hosts = frozenset(
            host.encode("ascii", "replace")
            for given in (parts.netloc, *(hosts or ()))
            for host in _spellings(given, parts.scheme)
        )
        self._origins = frozenset(
            _require_origin(origin).encode() for origin in (origin_of(resource), *(origins or ()))
        )

    def require_host(self, host: bytes | None) -> None:
        """
        Let a request pass whose Host is one of ours.

        Raises:
            UnlistedHost: 421, with the name of the setting.

        Spec: MCP 2026-07-28 basic/transports/streamable-http §Security & Endpoint
        """
        if host is None:
            raise UnlistedHost("no Host header")
        if host in self._hosts or host.lower() in self._hosts:
            return
        if self._loopback and is_loopback_host(_hostname(b"http://" + host)):
            return
        raise UnlistedHost(f"Host={host!r}, want one of {sorted(self._hosts)!r}")

    def require_origin(self, origin: bytes) -> None:
        """
        Let a request pass that comes from no web page, or from one of ours.

        Raises:
            UnlistedOrigin: 403, with the name of the setting.

        Spec: MCP 2026-07-28 basic/transports/streamable-http §Security & Endpoint
        """
        if origin in self._origins:
            return
        # A page on this machine may use a server on this machine: the Inspector does.
        if self._loopback and is_loopback_host(_hostname(origin)):
            return
        raise UnlistedOrigin(f"Origin={origin!r}, want one of {sorted(self._origins)!r}")


def _hostname(url: bytes) -> str | None:
    """Return the host of a URL that is an origin and nothing more."""
    parts = split(url.decode("latin-1"))
    if parts is None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname if b"?" not in url and b"#" not in url else None


def _spellings(host: str, scheme: str) -> list[str]:
    parts = split(f"{scheme}://{host}")
    if parts is None or parts.path or "?" in host or "#" in host:
        raise ConfigurationError(
            "not-a-host",
            f"{host!r} in allowed_hosts is not a host name.",
            "Give names as they stand in a Host header, such as mcp.example or mcp.internal:8000.",
        )
    name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    port = parts.port
    if port in (None, _DEFAULT_PORTS[scheme]):
        return [name, f"{name}:{_DEFAULT_PORTS[scheme]}"]
    return [f"{name}:{port}"]


def _require_origin(origin: str) -> str:
    if _hostname(origin.encode("ascii", "replace")) is None:
        raise ConfigurationError(
            "not-an-origin",
            f"{origin!r} in allowed_origins is not a web origin.",
            "Give scheme, host and port without a path, such as https://app.example.",
        )
    return origin.lower()
