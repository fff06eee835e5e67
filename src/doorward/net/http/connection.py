"""Connections to the address that was checked, and to no other."""

from collections.abc import Iterable

import httpcore2

from doorward.net.http.checked_addresses import checked_addresses, is_peer
from doorward.net.http.refusals import FetchFailed, FetchRefused
from doorward.net.http.resolver import Resolver


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """
    Resolve once, check every answer, connect to a checked address.

    The name stays in the request, so ``Host`` and SNI are those of the name. With ``internal_too`` they
    may be in private networks: the operator configured this host and port.

    Spec: MCP 2026-07-28, security best practices, "Server-Side Request Forgery"
    """

    def __init__(self, resolver: Resolver, *, internal_too: bool) -> None:
        self._resolver = resolver
        self._internal_too = internal_too
        self._tcp = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore2's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """
        Return a stream to one of the host's checked addresses.

        Raises:
            FetchRefused: any one of the addresses is not allowed.
            FetchFailed: none of them answers.
        """
        failure: Exception | None = None
        for address in await checked_addresses(
            self._resolver, host, port, internal_too=self._internal_too
        ):
            try:
                stream = await self._tcp.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            await _require_peer(stream, address)
            return stream
        raise FetchFailed(f"no connection to {host!r}:{port}: {failure!r}")


async def _require_peer(stream: httpcore2.AsyncNetworkStream, address: str) -> None:
    peer = stream.get_extra_info("server_addr")
    if not is_peer(peer, address):
        await stream.aclose()
        raise FetchRefused(f"connected to {peer!r} where {address} was checked")
