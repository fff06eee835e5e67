"""The network address that a request is counted under."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

# A guard reads addresses too, and starts without Starlette.
if TYPE_CHECKING:
    from starlette.requests import HTTPConnection


def address_key(connection: "HTTPConnection", trusted_proxies: Sequence[str]) -> str:
    """Return the key that a request is counted under: ``peer_key`` of its sender."""
    peer = connection.client.host if connection.client else None
    return peer_key(peer, connection.headers.getlist("x-forwarded-for"), trusted_proxies)


def peer_key(peer: str | None, forwarded: Sequence[str], trusted_proxies: Sequence[str]) -> str:
    """
    Return the key of the sender of a request: an IPv4 address, or the /64 of an IPv6 address.

    ``forwarded`` are the values of ``X-Forwarded-For``, read only from a trusted proxy. The rightmost address that is not a
    trusted proxy counts; the client can write everything to the left of it.
    """
    found = peer or "unknown"
    hops = [hop.strip() for hop in ",".join(forwarded).split(",") if hop.strip()]
    while hops and _is_trusted(found, trusted_proxies):
        found = hops.pop()
    return _normalised(found)


def _is_trusted(host: str, trusted_proxies: Sequence[str]) -> bool:
    address = _address(host)
    if address is None:
        return False
    networks = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]
    return any(address in network for network in networks)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(1024)
def _normalised(host: str) -> str:
    address = _address(host)
    if address is None:
        # One shared key: text that is not an address must not create a new key for each request.
        return "unknown"
    # An IPv6 user has at least 2^64 addresses, so a limit per address would limit nobody.
    prefix = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
