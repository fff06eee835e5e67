"""A server of the user's own, for which the demo signs people in."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from doorward.errors import ConfigurationError
from doorward.wire.address import is_loopback_host, split


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """
    The server that the demo issues tokens for, instead of its own.

    The first of ``scopes`` is the one that every request to the server needs. ``roles`` are those
    that ``admin`` has.

    Raises:
        ConfigurationError: with reason ``not-a-local-server`` or ``no-scopes``.
    """

    resource: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parts = split(self.resource)
        plain = parts is not None and "?" not in self.resource and "#" not in self.resource
        # The passwords are printed: a server that others can reach must not accept these tokens.
        if parts is None or not plain or not is_loopback_host(parts.hostname):
            raise ConfigurationError(
                "not-a-local-server",
                f"{self.resource!r} is not the URL of a server on this machine.",
                "Give an absolute URL without query or fragment, such as http://localhost:8000/mcp.",
            )
        if not self.scopes:
            raise ConfigurationError(
                "no-scopes",
                f"--resource {self.resource} has no scopes.",
                'Add the scopes of its tools, such as --scopes "orders:read orders:refund".',
            )

    def require_other_port(self, port: int) -> None:
        """
        Return if the server is not on ``port``, which is the demo's.

        Raises:
            ConfigurationError: with reason ``resource-on-the-demos-port``.
        """
        parts = urlsplit(self.resource)
        if (parts.port or {"http": 80, "https": 443}[parts.scheme]) == port:
            raise ConfigurationError(
                "resource-on-the-demos-port",
                f"The server {self.resource!r} and the demo have the same port.",
                "Run your server on another port, or the demo with --port.",
            )
