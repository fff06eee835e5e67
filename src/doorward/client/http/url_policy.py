"""Which URLs the client may request for a server that the user named (SSRF protection)."""

import ipaddress
import ssl
from collections.abc import Sequence
from typing import Any

import anyio
import httpx2

from doorward.client.refusals import DiscoveryFailed, Unreachable, untrusted_certificate
from doorward.net.http.addresses import is_internal, not_public
from doorward.net.http.certificates import certificate_problem
from doorward.net.http.refusals import FetchFailed, FetchRefused
from doorward.net.http.resolver import resolve
from doorward.net.http.url import FetchUrl, read_target
from doorward.wire import address

MAX_URL_LENGTH = 16 * 1024
"""Characters; the longest valid URL is an authorization request with many scopes."""


class UrlPolicy:
    """
    The URLs that the client may request because the user named ``server``.

    A server on the public internet may name only https URLs on the public internet. A server on a
    private address may also name private addresses. Plain http is allowed only between loopback
    addresses. A host with both public and private addresses is refused.

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
                f"{server[:200]!r} is plain http, and not on this machine.",
                "Use its https URL: others can read a token that is sent over http.",
            )
        if parse_unambiguous(server) is None:
            raise _not_a_server(server)
        self.is_private = self.is_loopback or _is_private_literal(self.host)
        self._lives_publicly = False

    def require(self, url: str, what: str) -> str:
        """
        Return ``url`` unchanged if the client may request it.

        Does not resolve host names; the transport checks the resolved addresses.

        Raises:
            DiscoveryFailed: ``unusable-url``, ``insecure-url`` or ``private-address``.
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
        """Return whether ``host`` is allowed, before it is resolved."""
        if host == self.host:
            return True
        if address.is_loopback_host(host) or host.endswith(".localhost"):
            return self.is_private
        return not _is_address(host) or self._is_open(not_public([host]))

    def allows_addresses(self, host: str, addresses: Sequence[str]) -> bool:
        """Return whether ``host`` is allowed with ``addresses``, all that it resolves to."""
        if address.is_loopback_host(host):
            return self.allows_host(host) and all(_is_loopback(one) for one in addresses)
        hidden = not_public(addresses)
        # Refused as a whole: with "::1" beside a public address, the server would count as private
        # from then on, and could name every address of the user's network.
        if hidden and len(hidden) < len(addresses):
            return False
        if host != self.host:
            # The server named this host, and may have pointed it at the user's router.
            return self._is_open(hidden)
        # The user named this host, so it may be private: an intranet server has an intranet sign-in.
        # A host that was public stays public: DNS rebinding could otherwise open the user's network.
        if self._lives_publicly and hidden:
            return False
        self._lives_publicly = self._lives_publicly or not hidden
        self.is_private = bool(hidden) and _are_internal(hidden)
        return True

    def _is_open(self, hidden: Sequence[str]) -> bool:
        return not hidden or (self.is_private and _are_internal(hidden))


def parse_unambiguous(url: str) -> FetchUrl | None:
    """Return the target of ``url``, or ``None`` if two URL parsers could disagree about it."""
    try:
        target = read_target(url, longest=MAX_URL_LENGTH)
        read = httpx2.URL(url)
    except (FetchRefused, httpx2.InvalidURL):
        return None
    # The HTTP library connects, so its parser must agree.
    same = read.scheme == target.scheme and read.raw_host.decode("ascii").lower() == target.host
    return target if same else None


def _not_a_server(server: str) -> DiscoveryFailed:
    return DiscoveryFailed(
        "not-a-server-url",
        f"{server[:200]!r} is not the URL of an MCP server.",
        "Give an absolute URL, such as https://mcp.example/mcp.",
    )


def _refused(reason: str, what: str, url: str, why: str) -> DiscoveryFailed:
    return DiscoveryFailed(
        reason,
        f"The {what} {url[:200]!r} cannot be used: {why}.",
        "The server's operator must publish an https URL on the public internet.",
    )


def _is_private_literal(host: str) -> bool:
    return host.endswith(".localhost") or (_is_address(host) and _are_internal([host]))


def _are_internal(addresses: Sequence[str]) -> bool:
    # Not every special address is internal: NAT64, 6to4 and Teredo addresses lead to the internet.
    # A DNS record with one of them must not open the user's network.
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
    A transport that resolves a host once, checks every address, and connects to a checked one.

    A second resolution could return a private address (DNS rebinding). TLS still verifies the host
    name. Only connections to the server's own host are reused: the pool knows addresses, not names,
    and a connection to one name could otherwise serve another name at the same address. Without
    ``keep_alive``, no connection is kept open.

    ``net.Fetcher`` has another job: one document per connection, from the public internet and the
    hosts that an operator listed. This one keeps a connection to the server, streams, and goes where
    the user's own choice of server leads. Both resolve with ``net.resolver``, judge with
    ``net.addresses`` and read URLs with ``net.url``.

    Spec: RFC 9110 §4.3.3
    """

    def __init__(self, url_policy: UrlPolicy, *, keep_alive: bool = True) -> None:
        self.url_policy = url_policy
        # Ignores proxy variables: a proxy resolves host names itself.
        tls = ssl.create_default_context()
        kept_open = httpx2.Limits(max_keepalive_connections=None if keep_alive else 0)
        self._server = httpx2.AsyncHTTPTransport(verify=tls, limits=kept_open)
        closed = httpx2.Limits(max_keepalive_connections=0)
        self._others = httpx2.AsyncHTTPTransport(verify=tls, limits=closed)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to a checked address of its host."""
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
    """Return the error for a failed connection to ``url``."""
    parts: Any = address.split(url)
    place = parts.netloc if parts else url
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return Unreachable("timeout", f"{place} did not answer in time.", "Try again later.")
    if why := certificate_problem(error):
        return untrusted_certificate(place, why)
    return Unreachable(
        "unreachable",
        f"Cannot connect to {place}.",
        "Check the URL, and that the server is running.",
    )
