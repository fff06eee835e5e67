"""Where a server that the user named may lead this client, and where not."""

import ipaddress
import ssl
from collections.abc import Sequence
from typing import Any

import anyio
import httpx2

from doorward.client.refusals import DiscoveryFailed, Unreachable
from doorward.net.addresses import is_internal, not_public
from doorward.net.refusals import FetchFailed, FetchRefused
from doorward.net.resolver import resolve
from doorward.net.url import FetchUrl, read_target
from doorward.wire import address

MAX_URL_LENGTH = 16 * 1024
"""Characters of a URL; an authorization request with many scopes is the longest honest one."""


class UrlPolicy:
    """
    The addresses that the user opened by naming ``server``.

    A server on the public internet leads to https on the public internet alone. One that the user
    named at a private address may lead to private addresses too, and plain http is for a loopback
    server and its loopback neighbours. A name with public and private addresses is refused.

    Spec: RFC 9728 §7.7; MCP 2026-07-28 security best practices, server-side request forgery
    """

    def __init__(self, server: str) -> None:
        parts = address.split(server)
        if parts is None or "#" in server:
            raise _not_a_server(server)
        self.host = (parts.hostname or "").lower()
        self.is_loopback = address.is_loopback_host(self.host)
        if parts.scheme != "https" and not self.is_loopback:
            raise DiscoveryFailed(
                "insecure-server-url",
                f"{server[:200]!r} is plain http and not on this machine.",
                "Use its https address; a token sent over http can be read on the way.",
            )
        if parse_unambiguous(server) is None:
            raise _not_a_server(server)
        self.is_private = self.is_loopback or _is_private_literal(self.host)
        self._lives_publicly = False

    def require(self, url: str, what: str) -> str:
        """
        Return ``url`` unchanged when this client may go there.

        Does not resolve names; the transport looks at what they resolve to.

        Raises:
            DiscoveryFailed: not http(s), plain http off loopback, or a private address.
        """
        target = parse_unambiguous(url)
        if target is None:
            raise _refused("unusable-url", what, url, "it is not a plain http(s) URL")
        loopback = address.is_loopback_host(target.host)
        if target.scheme != "https" and not (loopback and self.is_loopback):
            raise _refused("insecure-url", what, url, "it is plain http")
        if not self.allows_host(target.host):
            raise _refused("private-address", what, url, "it is a private address")
        return url

    def allows_host(self, host: str) -> bool:
        """Say whether ``host`` may be contacted, as far as its spelling tells."""
        if host == self.host:
            return True
        if address.is_loopback_host(host) or host.endswith(".localhost"):
            return self.is_private
        return not _is_address(host) or self._is_open(not_public([host]))

    def allows_addresses(self, host: str, addresses: Sequence[str]) -> bool:
        """Say whether ``host`` may be contacted at ``addresses``, all those that it resolves to."""
        if address.is_loopback_host(host):
            return self.allows_host(host) and all(_is_loopback(one) for one in addresses)
        hidden = not_public(addresses)
        # Refused as a whole, whoever named it: with "::1" beside a public address, the server would
        # count as private from then on, and could lead to every address of the user's network.
        if hidden and len(hidden) < len(addresses):
            return False
        if host != self.host:
            # Named by somebody else, who may have pointed it at the router in the next room.
            return self._is_open(hidden)
        # The user named this host, so where it lives is the user's business: an intranet server
        # has an intranet sign-in. Once it was public it stays so, or a public name could turn
        # private between two questions and take the rest of the network with it.
        if self._lives_publicly and hidden:
            return False
        self._lives_publicly = self._lives_publicly or not hidden
        self.is_private = bool(hidden) and _are_internal(hidden)
        return True

    def _is_open(self, hidden: Sequence[str]) -> bool:
        return not hidden or (self.is_private and _are_internal(hidden))


def parse_unambiguous(url: str) -> FetchUrl | None:
    """Return where ``url`` leads, or ``None`` when two readers could read it differently."""
    try:
        target = read_target(url, longest=MAX_URL_LENGTH)
        read = httpx2.URL(url)
    except (FetchRefused, httpx2.InvalidURL):
        return None
    # What connects is the HTTP library, so its reading counts as well.
    same = read.scheme == target.scheme and read.raw_host.decode("ascii").lower() == target.host
    return target if same else None


def _not_a_server(server: str) -> DiscoveryFailed:
    return DiscoveryFailed(
        "not-a-server-url",
        f"{server[:200]!r} is not the address of an MCP server.",
        "Give an absolute URL, such as https://mcp.example/mcp.",
    )


def _refused(reason: str, what: str, url: str, why: str) -> DiscoveryFailed:
    return DiscoveryFailed(
        reason,
        f"The {what} {url[:200]!r} cannot be used: {why}.",
        "The server's operator must publish an https address on the public internet.",
    )


def _is_private_literal(host: str) -> bool:
    return host.endswith(".localhost") or (_is_address(host) and _are_internal([host]))


def _are_internal(addresses: Sequence[str]) -> bool:
    # What is not public need not be inside: NAT64, 6to4 and Teredo addresses lead to machines of
    # the internet. Whoever names one in their DNS would have the user's network opened to them.
    return all(is_internal(one) for one in addresses)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(ip: str) -> bool:
    return _is_address(ip) and ipaddress.ip_address(ip).is_loopback


class PinnedTransport(httpx2.AsyncBaseTransport):
    """
    A transport that resolves a host once, looks at every answer, and connects to what it saw.

    Between a look and a second resolution the answer may change to a private address; here there
    is no second one. TLS still proves the name, not the number. Connections are kept for the
    server's own name alone: the pool knows the number and not the name, so that a connection to one
    name would also serve another one that claims the same address. Without ``keep_alive`` no
    connection is kept, so there is nothing to close.

    ``net.Fetcher`` has another job: one document per connection, from the public internet and the
    hosts that an operator listed. This one keeps a connection to the server, streams, and goes where
    the user's own choice of server leads. Both resolve with ``net.resolver``, judge with
    ``net.addresses`` and read URLs with ``net.url``.

    Spec: RFC 9110 §4.3.3
    """

    def __init__(self, url_policy: UrlPolicy, *, keep_alive: bool = True) -> None:
        self.url_policy = url_policy
        # The proxy variables of the environment are not read: a proxy resolves by itself.
        tls = ssl.create_default_context()
        kept_open = httpx2.Limits(max_keepalive_connections=None if keep_alive else 0)
        self._server = httpx2.AsyncHTTPTransport(verify=tls, limits=kept_open)
        closed = httpx2.Limits(max_keepalive_connections=0)
        self._others = httpx2.AsyncHTTPTransport(verify=tls, limits=closed)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to an address that may be contacted."""
        host = request.url.raw_host.decode("ascii").lower()
        ip = await self._resolve(host, request.url.port or _port_of(request.url.scheme))
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=ip),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        inner = self._server if host == self.url_policy.host else self._others
        return await inner.handle_async_request(pinned)

    async def _resolve(self, host: str, port: int) -> str:
        try:
            with anyio.fail_after(10):
                ips = await resolve(host, port)
        except (FetchFailed, TimeoutError) as error:
            raise httpx2.ConnectError(f"{host} has no address") from error
        if not ips:
            raise httpx2.ConnectError(f"{host} has no address")
        if not self.url_policy.allows_addresses(host, ips):
            raise _refused("private-address", "host", host, f"it resolves to {', '.join(ips)}")
        return _preferred(ips)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._server.aclose()
        await self._others.aclose()


def _port_of(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _preferred(ips: Sequence[str]) -> str:
    # IPv4 first: a name such as localhost has both, and most local servers listen on one.
    return next((ip for ip in ips if ":" not in ip), ips[0])


def connection_error(url: str, error: Exception) -> Unreachable:
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
