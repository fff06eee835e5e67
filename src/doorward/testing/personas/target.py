"""The server that a persona connects to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx2


class Target(Protocol):
    """A server that a persona can reach, such as ``ServerUnderTest`` or ``ServerAt``."""

    @property
    def url(self) -> str:
        """The URL of the MCP endpoint, as a user types it."""

    @property
    def transport(self) -> httpx2.AsyncBaseTransport:
        """The transport to the server and its issuer."""

    def password(self, username: str) -> str:
        """Return the password of a user. Raises: KeyError."""


@dataclass(frozen=True)
class ServerAt:
    """
    A server that runs in another process, at ``url``; ``passwords`` are those of its users.

    ```python
    async def test_cursor_connects() -> None:
        running = ServerAt("http://localhost:8000/mcp", {"alice": os.environ["ALICE_PASSWORD"]})
        await persona("cursor").connect(running)
    ```

    Its issuer cannot read the documents of personas: give it clients that register themselves.
    """

    url: str
    passwords: Mapping[str, str] = field(repr=False)

    @property
    def transport(self) -> httpx2.AsyncBaseTransport:
        """A new transport, without a proxy."""
        return httpx2.AsyncHTTPTransport()

    def password(self, username: str) -> str:
        """Return the password of a user. Raises: KeyError."""
        return self.passwords[username]
