"""
What keeps a client from its goal.

ClientRefused             something to tell the person in front of the screen
├── Unreachable           nobody answers there, or not in time
├── ProtocolBroken        somebody answers, and what they say cannot be used
├── DiscoveryFailed       no way from the server to an authorization server that may be trusted
├── SignInFailed          registration, the browser or the token endpoint said no
│   └── SignInNeeded      there is no token, and nobody was asked to get one
├── ServerRefused         the MCP server understood and declined
│   └── InsufficientScope      the token does not reach far enough; ``scopes`` is what is needed
└── CallFailed            a JSON-RPC error: the method, its name or its arguments

``reason`` is a stable kebab-case word, ``problem`` one sentence with what was got and what was
expected, ``hint`` one sentence with what to do. No token, code or secret is in any of them. Where
they quote a server, what a reader would not see for what it is is spelled out.
"""

from typing import Any

from doorward.errors import DoorwardError
from doorward.wire.safe_text import visible_line


class ClientRefused(DoorwardError):
    """Something the person in front of the screen must know."""

    code = "client-refused"

    def __init__(self, reason: str, problem: str, hint: str = "") -> None:
        # Here and not where it is printed: the bridge, logs and other programs show it as well.
        self.problem, self.hint = visible_line(problem), visible_line(hint)
        super().__init__(f"{self.problem} {self.hint}".strip())
        self.reason = reason


class Unreachable(ClientRefused):
    """Nobody answers there, or not in time."""

    code = "unreachable"


class ProtocolBroken(ClientRefused):
    """Somebody answers, and what they say cannot be used."""

    code = "protocol-broken"


class DiscoveryFailed(ClientRefused):
    """There is no way from the server to an authorization server that may be trusted."""

    code = "discovery-failed"


class SignInFailed(ClientRefused):
    """Registration, the browser or the token endpoint said no."""

    code = "sign-in-failed"


class SignInNeeded(SignInFailed):
    """There is no token that would do, and nobody was asked to get one."""

    code = "sign-in-needed"


class ServerRefused(ClientRefused):
    """The MCP server understood the request and declined to serve it."""

    code = "server-refused"


class InsufficientScope(ServerRefused):
    """The token does not reach far enough; ``scopes`` is all that the operation needs."""

    code = "scope-lacking"

    def __init__(self, problem: str, hint: str, scopes: frozenset[str]) -> None:
        super().__init__("insufficient-scope", problem, hint)
        self.scopes = scopes


class CallFailed(ClientRefused):
    """A JSON-RPC error: ``number`` is its code, ``data`` what came with it."""

    code = "call-failed"

    def __init__(self, number: int, message: str, data: Any = None) -> None:
        super().__init__(
            "json-rpc-error", f"The server answered: {message.rstrip('.')} ({number})."
        )
        self.number = number
        self.message = message
        self.data = data
