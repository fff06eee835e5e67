"""The addresses of a host that may be connected to."""

from collections.abc import Sequence
from ipaddress import ip_address

from doorward.net.http.addresses import not_public, not_unicast
from doorward.net.http.refusals import FetchFailed, FetchRefused
from doorward.net.http.resolver import Resolver


async def checked_addresses(
    resolver: Resolver, host: str, port: int, *, internal_too: bool
) -> Sequence[str]:
    """
    Return the addresses of ``host``, each of them checked.

    With ``internal_too`` they may be in private networks: the operator configured this host.

    Raises:
        FetchRefused: any one of the addresses is not allowed.
        FetchFailed: there is none.

    Spec: MCP 2026-07-28, security best practices, "Server-Side Request Forgery"
    """
    addresses = await _literal_or_resolved(resolver, host, port)
    hidden = not_unicast(addresses) if internal_too else not_public(addresses)
    if hidden:
        raise FetchRefused(f"{host!r} leads to {', '.join(hidden)}, which is not allowed")
    if not addresses:
        raise FetchFailed(f"{host!r} does not resolve")
    return addresses


def is_peer(peer: object, address: str) -> bool:
    """Return whether ``peer``, the other end of a socket, is at ``address``."""
    return isinstance(peer, tuple) and ip_address(peer[0]) == ip_address(address)


async def _literal_or_resolved(resolver: Resolver, host: str, port: int) -> Sequence[str]:
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return await resolver(host, port)
