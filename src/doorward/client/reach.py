"""Where a server that the user named may lead this client, and where not."""

import ipaddress
import socket
import ssl
from typing import Any

import anyio
import httpx2

from doorward.client.refusals import DiscoveryFailed, Unreachable
from doorward.net.addresses import is_public
from doorward.wire import address


class Reach:
    """
    The addresses that the user opened by naming ``server``.

    A server on the public internet leads to https on the public internet alone. One that the user
    named at a private address may lead to private addresses too, and plain http is for a loopback
    server and its loopback neighbours.

    Spec: RFC 9728 §7.7; MCP 2026-07-28 security best practices, server-side request forgery
    """

    def __init__(self, server: str) -> None:
        parts = address.split(server)
        if parts is None or "#" in server:
            raise DiscoveryFailed(
                "not-a-server-url",
                f"{server!r} is not the address of an MCP server.",
                "Give an absolute URL, such as https://mcp.example/mcp.",
            )
        self.host = (parts.hostname or "").lower()
        self.is_loopback = address.is_loopback_host(self.host)
        self.is_private = self.is_loopback or _is_private_literal(self.host)
        self._lives_publicly: bool | None = None
        if parts.scheme != "https" and not self.is_loopback:
            raise DiscoveryFailed(
                "insecure-server-url",
                f"{server!r} is plain http and not on this machine.",
                "Use its https address; a token sent over http can be read on the way.",
            )

    def require(self, url: str, what: str) -> str:
        """
        Return ``url`` unchanged when this client may go there.

        Does not resolve names; the transport looks at what they resolve to.

        Raises:
            DiscoveryFailed: not http(s), plain http off loopback, or a private address.
        """
        parts = address.split(url)
        if parts is None or "#" in url:
            raise _refused("unusable-url", what, url, "it is not a plain http(s) URL")
        host = (parts.hostname or "").lower()
        loopback = address.is_loopback_host(host)
        if parts.scheme != "https" and not (loopback and self.is_loopback):
            raise _refused("insecure-url", what, url, "it is plain http")
        if not self.admits_host(host):
            raise _refused("private-address", what, url, "it is a private address")
        return url

    def admits_host(self, host: str) -> bool:
        """Say whether ``host`` may be contacted, as far as its spelling tells."""
        if host == self.host or self.is_private:
            return True
        return not (address.is_loopback_host(host) or _is_private_literal(host))

    def admits_address(self, host: str, ip: str) -> bool:
        """Say whether ``host`` may be contacted at ``ip``, which is what it resolved to."""
        public = is_public(ip)
        if host != self.host:
            # Named by somebody else, who may have pointed it at the router in the next room.
            return public or self.is_private
        # The user named this host, so where it lives is the user's business: an intranet server
        # has an intranet sign-in. The first answer decides, or a public name could turn private
        # between two questions and take the rest of the house with it.
        if self._lives_publicly is None:
            self._lives_publicly = public
            self.is_private = self.is_private or not public
        return public or self.is_private


def _refused(reason: str, what: str, url: str, why: str) -> DiscoveryFailed:
    return DiscoveryFailed(
        reason,
        f"The {what} {url!r} cannot be used: {why}.",
        "The server's operator must publish an https address on the public internet.",
    )


def _is_private_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # "127.1" and "0x7f000001" are no addresses to Python, and are to many resolvers.
        return host.endswith(".localhost") or host.rpartition(".")[2][:1].isdigit()
    return not is_public(host)


class PinnedTransport(httpx2.AsyncBaseTransport):
    """
    A transport that resolves a host once, looks at every answer, and connects to what it saw.

    Between a look and a second resolution the answer may change to a private address; here there
    is no second one. TLS still proves the name, not the number. Without ``keep_alive`` no
    connection outlives its answer, so there is nothing to close.
    """

    def __init__(self, reach: Reach, *, keep_alive: bool = True) -> None:
        self._reach = reach
        # The proxy variables of the environment are not read: a proxy resolves by itself.
        self._inner = httpx2.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            limits=httpx2.Limits(max_keepalive_connections=None if keep_alive else 0),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to an address that may be contacted."""
        host = request.url.host
        ip = await self._resolve(host, request.url.port or _port_of(request.url.scheme))
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=ip),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._inner.handle_async_request(pinned)

    async def _resolve(self, host: str, port: int) -> str:
        try:
            with anyio.fail_after(10):
                found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as error:
            raise httpx2.ConnectError(f"{host} has no address") from error
        ips = [str(entry[4][0]) for entry in found]
        for ip in ips:
            if not self._reach.admits_address(host.lower(), ip):
                raise _refused("private-address", "host", host, f"it resolves to {ip}")
        return _preferred(ips)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


def _port_of(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _preferred(ips: list[str]) -> str:
    # IPv4 first: a name such as localhost has both, and most local servers listen on one.
    return next((ip for ip in ips if ":" not in ip), ips[0])


def unreachable(url: str, error: Exception) -> Unreachable:
    """Return what to tell the user when nobody answers at ``url``."""
    parts: Any = address.split(url)
    place = parts.netloc if parts else url
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return Unreachable("timeout", f"{place} did not answer in time.", "Try again later.")
    return Unreachable(
        "unreachable",
        f"Nobody answers at {place}.",
        "Check the address and that the server is running.",
    )
