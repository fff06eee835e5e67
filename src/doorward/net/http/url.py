"""URLs that every parser reads alike; all others are refused."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from doorward.net.http.refusals import FetchRefused
from doorward.wire.address import split

_PLAIN = re.compile(r"[\x21-\x7e]+")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# What WHATWG URL reads as an IPv4 address: the last label decides. Resolvers turn 127.1, 0x7f.1
# and 2130706433 into 127.0.0.1; no public name has such a last label.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# urlsplit also takes "[v1.x]" for a name, "[::1]x" for an address, and "h:" or "h:+80" for a port.
_AUTHORITY = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\[\]:@]+)(?::[0-9]{1,5})?")
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class FetchUrl:
    """The parts of a URL: ``host`` in lower case without brackets, ``path`` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_port(self) -> str:
        """``host:port``, as operators list it in ``allow_private_hosts``."""
        return f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The authority as it is sent, without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str, *, longest: int = 2048) -> FetchUrl:
    """
    Return the parts of ``url``, of at most ``longest`` characters.

    Refuses credentials, fragments, backslashes, anything not printable ASCII, hosts ending in a
    dot, and numbers that some resolvers read as an address (``127.1``, ``0x7f.1``,
    ``2130706433``). Does not resolve names, and does not check addresses.

    Raises:
        FetchRefused: parsers could read the URL differently.

    Spec: RFC 3986 §3.2; RFC 6943 §3.1.1
    """
    parts = _split(url, longest)
    if parts is None or parts.scheme not in _PORTS:
        raise FetchRefused(
            f"not an absolute http(s) URL that all parsers read alike: {url[:200]!r}"
        )
    host = parts.hostname or ""
    if not _is_address(host) and not _is_name(host):
        raise FetchRefused(
            f"host {host[:200]!r} is neither a name nor the usual form of an address"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return FetchUrl(
        parts.scheme, host, _PORTS[parts.scheme] if parts.port is None else parts.port, path
    )


def _split(url: str, longest: int) -> SplitResult | None:
    if len(url) > longest or not _PLAIN.fullmatch(url) or "\\" in url or "#" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if _AUTHORITY.fullmatch(parts.netloc) and port != 0 else None


def _is_address(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not (isinstance(address, IPv6Address) and address.scope_id is not None)


def _is_name(host: str) -> bool:
    if len(host) > 253 or not _NAME.fullmatch(host):
        return False
    return not _NUMBER.fullmatch(host.rsplit(".", 1)[-1])


def host_ports_of(urls: Iterable[str | None]) -> frozenset[str]:
    """
    Return the ``host:port`` of each URL that an operator configured.

    Such a host can be private, as a provider in the company's network is. Other hosts, to which a
    provider's metadata points, must be public.
    """
    found = set()
    for url in urls:
        parts = split(url) if url is not None else None
        if parts is not None:
            found.add(f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 80)}")
    return frozenset(found)
