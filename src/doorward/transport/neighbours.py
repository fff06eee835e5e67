"""Host and Origin of requests that no guard has looked at."""

from collections.abc import Iterable

from doorward.errors import HostRefused, OriginRefused
from doorward.wire.address import is_loopback_host, split


class Neighbours:
    """
    Which hosts and origins a server without a guard answers to; by default, this machine alone.

    ``hosts`` are host names without a port, ``origins`` are written as browsers write them. A web
    page can point its own name at 127.0.0.1 and then talk to whatever listens there: its requests
    carry that name.

    Spec: MCP 2026-07-28, transports/streamable-http, "Security & Endpoint"
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)

    def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """
        Let a request through whose Host, and Origin if there is one, is a known neighbour.

        Raises:
            HostRefused: another host, several, or none.
            OriginRefused: another origin, or several.
        """
        hosts: list[str] = []
        origins: list[str] = []
        for name, value in headers:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origins.append(value.decode("latin-1"))
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise HostRefused(f"host={hosts!r}")
        if origins and (len(origins) > 1 or not self._is_known(origins[0])):
            raise OriginRefused(f"origin={origins!r}")

    def _is_ours(self, host: str) -> bool:
        parts = split(f"http://{host}/")
        # "localhost/@evil" and the like: what is left over besides host and port is not a Host.
        if parts is None or parts.netloc != host:
            return False
        return is_loopback_host(parts.hostname) or parts.hostname in self._hosts

    def _is_known(self, origin: str) -> bool:
        parts = split(origin)
        if parts is None or f"{parts.scheme}://{parts.netloc}" != origin:
            return False
        return is_loopback_host(parts.hostname) or origin in self._origins
