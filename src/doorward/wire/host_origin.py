"""The hosts that a server accepts, and the web origins that may use it."""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from doorward.errors import ConfigurationError, HostRefused, OriginRefused
from doorward.wire.address import is_loopback_host, origin_of, split

_DEFAULT_PORTS = {"http": 80, "https": 443}

Headers = Iterable[tuple[bytes, bytes]]

LOCALHOST = "http://localhost"
"""The address of a server that only programs on the same machine may call."""


class HostOriginPolicy:
    """
    The hosts and origins of one server, derived from its public address ``url``.

    ``hosts`` and ``origins`` add to them. ``any_port`` adds hosts; those without a port are allowed on
    every port. A server on loopback accepts every loopback name and port.

    An attacker can point the host name of a web page at this server (DNS rebinding). The browser then
    sends that name as Host and treats the server's responses as same-origin. So Host is checked, and
    not only Origin.

    Raises:
        ConfigurationError: with reason ``not-a-host`` or ``not-an-origin``.
    """

    def __init__(
        self,
        url: str,
        hosts: Collection[str] | None = None,
        origins: Collection[str] | None = None,
        *,
        any_port: Collection[str] = (),
    ) -> None:
        parts = urlsplit(url)
        self._loopback = is_loopback_host(parts.hostname)
        self._hosts = frozenset(
            host.encode("ascii", "replace")
            for given in (parts.netloc, *(hosts or ()), *any_port)
            for host in _spellings(given, parts.scheme)
        )
        self._any_port = frozenset(
            name
            for name, port in (_require_host(host, parts.scheme) for host in any_port)
            if port is None
        )
        self._origins = frozenset(
            _require_origin(origin).encode() for origin in (origin_of(url), *(origins or ()))
        )

    def admit(self, headers: Headers) -> None:
        """
        Return if the Host, and the Origin if there is one, is allowed.

        Raises:
            HostRefused: another host, several, or none.
            OriginRefused: another origin, or several.
        """
        headers = list(headers)
        self.require_host(only_value(headers, b"host"))
        if any(name == b"origin" for name, _ in headers):
            self.require_origin(only_value(headers, b"origin"))

    def require_host(self, host: bytes | None) -> None:
        """
        Return if ``host`` is allowed.

        Raises:
            HostRefused: 421, with the name of the setting.

        Spec: RFC 9110 §7.2, §15.5.20; MCP 2026-07-28 basic/transports/streamable-http §Security &
        Endpoint
        """
        if host is None:
            raise HostRefused("no Host header, or several")
        if host in self._hosts or host.lower() in self._hosts:
            return
        if (self._loopback or self._any_port) and self._is_ours(_hostname(b"http://" + host)):
            return
        raise HostRefused(f"Host={host[:200]!r}, want one of {sorted(self._hosts)!r}")

    def require_origin(self, origin: bytes | None) -> None:
        """
        Return if ``origin`` is allowed; ``None`` means that several came.

        Raises:
            OriginRefused: 403, with the name of the setting.

        Spec: MCP 2026-07-28 basic/transports/streamable-http §Security & Endpoint
        """
        if origin in self._origins:
            return
        # A page on this machine may use a server on this machine: the Inspector does.
        if self._loopback and is_loopback_host(_hostname(origin or b"")):
            return
        raise OriginRefused(
            f"Origin={(origin or b'')[:200]!r}, want one of {sorted(self._origins)!r}"
        )

    def _is_ours(self, name: str | None) -> bool:
        return name in self._any_port or (self._loopback and is_loopback_host(name))


def only_value(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header; ``None`` if it is missing or repeated, because parsers differ."""
    found = [value for each, value in headers if each == name]
    return found[0] if len(found) == 1 else None


def _hostname(url: bytes) -> str | None:
    """Return the host of a URL that is only an origin."""
    parts = split(url.decode("latin-1"))
    if parts is None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname if b"?" not in url and b"#" not in url else None


def _spellings(host: str, scheme: str) -> list[str]:
    name, port = _require_host(host, scheme)
    if ":" in name:
        name = f"[{name}]"
    if port in (None, _DEFAULT_PORTS[scheme]):
        return [name, f"{name}:{_DEFAULT_PORTS[scheme]}"]
    return [f"{name}:{port}"]


def _require_host(host: str, scheme: str) -> tuple[str, int | None]:
    parts = split(f"{scheme}://{host}")
    if parts is None or parts.path or "?" in host or "#" in host:
        raise ConfigurationError(
            "not-a-host",
            f"{host!r} in allowed_hosts is not a host name.",
            "Give names as they stand in a Host header, such as mcp.example or mcp.internal:8000.",
        )
    return str(parts.hostname), parts.port


def _require_origin(origin: str) -> str:
    if _hostname(origin.encode("ascii", "replace")) is None:
        raise ConfigurationError(
            "not-an-origin",
            f"{origin!r} in allowed_origins is not a web origin.",
            "Give scheme, host and port without a path, such as https://app.example.",
        )
    return origin.lower()
