"""Host and Origin of requests that no guard has looked at."""

from collections.abc import Iterable

from doorward.wire.host_origin import HostOriginPolicy, only_value


class HostOriginCheck:
    """
    Which hosts and origins a server without a guard answers to; by default, this machine alone.

    ``hosts`` given without a port count on every port; ``origins`` are written as browsers write
    them. A web page can point its own name at 127.0.0.1 and then talk to whatever listens there:
    its requests carry that name.

    Raises:
        ConfigurationError: with reason ``not-a-host`` or ``not-an-origin``.

    Spec: MCP 2026-07-28, transports/streamable-http, "Security & Endpoint"
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._addresses = HostOriginPolicy(
            "http://localhost", origins=tuple(origins), any_port=tuple(hosts)
        )

    def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """
        Let a request through whose Host, and Origin if there is one, is a known neighbour.

        Raises:
            HostRefused: another host, several, or none.
            OriginRefused: another origin, or several.
        """
        headers = list(headers)
        self._addresses.require_host(only_value(headers, b"host"))
        if any(name == b"origin" for name, _ in headers):
            self._addresses.require_origin(only_value(headers, b"origin"))
