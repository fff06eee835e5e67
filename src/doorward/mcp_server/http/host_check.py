"""Host and Origin of requests without a guard."""

from collections.abc import Iterable

from doorward.wire.host_origin import HostOriginPolicy, only_value


class HostOriginCheck:
    """
    The hosts and origins that a server without a guard accepts; by default, localhost only.

    ``hosts`` without a port match every port; ``origins`` are written as browsers send them. DNS
    rebinding: a web page can point its own host name to 127.0.0.1 and send requests to local
    servers. Its requests have that host name.

    Raises:
        ConfigurationError: with reason ``not-a-host`` or ``not-an-origin``.

    Spec: MCP 2026-07-28, transports/streamable-http, "Security & Endpoint"
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._policy = HostOriginPolicy(
            "http://localhost", origins=tuple(origins), any_port=tuple(hosts)
        )

    def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """
        Return if the Host, and the Origin if there is one, is allowed.

        Raises:
            HostRefused: another host, several, or none.
            OriginRefused: another origin, or several.
        """
        headers = list(headers)
        self._policy.require_host(only_value(headers, b"host"))
        if any(name == b"origin" for name, _ in headers):
            self._policy.require_origin(only_value(headers, b"origin"))
