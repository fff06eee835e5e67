"""Personas by name: MCP clients as they connect to servers."""

from dataclasses import dataclass

from doorward.idp.clients import CLIENTS, ConnectionFacts, McpClient
from doorward.net.client_authentication import ClientCredential
from doorward.testing.personas.connection import Call, Connected, Connection
from doorward.testing.personas.hops import Trace
from doorward.testing.personas.http import PersonaHttp
from doorward.testing.personas.target import Target


@dataclass(frozen=True)
class Persona:
    """
    An MCP client as it connects to servers.

    ```python
    async with ServerUnderTest(app, LocalProvider(guard)) as running:
        connected = await persona("claude-code").connect(running, "alice")
    assert "add" in connected.tools
    ```

    ``client`` has everything that is known of it, each fact with its source and its date.
    """

    client: McpClient

    def __str__(self) -> str:
        return self.client.name

    @property
    def facts(self) -> ConnectionFacts:
        """How the client connects."""
        assert self.client.connection is not None
        return self.client.connection

    async def connect(
        self,
        server: Target,
        user: str = "alice",
        *,
        call: Call | None = None,
        arranged: ClientCredential | None = None,
    ) -> Connected:
        """
        Connect to ``server`` as this client does, and sign ``user`` in.

        Sends a request without a token, reads the challenge, finds the issuer, registers, lets the
        user sign in, gets a token, lists the tools, calls one, and refreshes the token. ``call`` is
        the name of a tool and its arguments; without it, the first tool without required arguments
        is called. ``arranged`` is a client that was registered by hand.

        Raises:
            PersonaFailed: an ``AssertionError`` that names the hop.

        Spec: MCP 2026-07-28 authorization flow steps; MCP 2025-11-25 authorization flow steps
        """
        trace = Trace(self.client)
        async with PersonaHttp(self.facts, server.transport, trace) as http:
            return await Connection(self.client, server, user, http, arranged).run(call)


PERSONAS: tuple[Persona, ...] = tuple(
    Persona(client) for client in CLIENTS if client.connection is not None
)
"""Every persona, in the order of the pages."""


def persona(name: str) -> Persona:
    """
    Return the persona called ``name``, such as ``"claude-code"``.

    ```python
    cursor: Persona = persona("cursor")
    assert cursor in PERSONAS
    ```

    Raises:
        KeyError: no persona has this name; the message lists all names.
    """
    by_name = {str(one): one for one in PERSONAS}
    if name not in by_name:
        raise KeyError(f"no persona is called {name!r}; choose one of {', '.join(by_name)}")
    return by_name[name]
