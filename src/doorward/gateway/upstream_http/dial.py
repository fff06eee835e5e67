"""Opens connections to the addresses of an upstream server that were checked."""

import asyncio
import ssl
from dataclasses import dataclass

from doorward.gateway.upstream_http.connection import UpstreamConnection
from doorward.net.http.checked_addresses import checked_addresses, is_peer
from doorward.net.http.refusals import FetchFailed, FetchRefused
from doorward.net.http.resolver import Resolver

CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Host and port of an upstream server; with ``tls``, its certificate must be for this host."""

    host: str
    port: int
    tls: ssl.SSLContext | None


async def dial(destination: Destination, resolver: Resolver) -> UpstreamConnection:
    """
    Return a new connection to one of the destination's checked addresses.

    Raises:
        FetchRefused: any one of the addresses is not allowed.
        FetchFailed: none of them answers, or none is the destination by its certificate.

    Spec: MCP 2026-07-28, security best practices, "Server-Side Request Forgery"; RFC 9110 §4.3.4
    """
    loop = asyncio.get_running_loop()
    host, port, tls = destination.host, destination.port, destination.tls
    failure: Exception | None = None
    for address in await checked_addresses(resolver, host, port, internal_too=True):
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                transport, connection = await loop.create_connection(
                    lambda: UpstreamConnection(loop),
                    address,
                    port,
                    ssl=tls,
                    server_hostname=host if tls is not None else None,
                )
        except OSError as error:
            failure = error
            continue
        peer = transport.get_extra_info("peername")
        if not is_peer(peer, address):
            connection.abort()
            raise FetchRefused(f"connected to {peer!r} where {address} was checked")
        return connection
    raise FetchFailed(f"no connection to {host!r}:{port}: {failure!r}")
