"""
The errors of the client.

ClientRefused             an error to show to the user
├── Unreachable           the server did not answer in time
│   └── UntrustedCertificate   its certificate is not trusted
├── ProtocolBroken        the server's response is not valid
├── DiscoveryFailed       no trusted authorization server was found for the MCP server
├── SignInFailed          registration, authorization or the token request failed
│   └── SignInNeeded      there is no token, and the client may not sign in here
├── ServerRefused         the MCP server refused the request
│   └── InsufficientScope      the token does not reach far enough; ``scopes`` is what is needed
└── CallFailed            a JSON-RPC error: the method, its name or its arguments

``reason`` is a stable code, ``problem`` says what happened and what was expected, ``hint`` says what
to do. None of them contains a token, code or secret. Text from a server is escaped in them.
"""

from typing import Any

from doorward.errors import DoorwardError
from doorward.wire.safe_text import visible_line


class ClientRefused(DoorwardError):
    """
    An error to show to the user.

    ```python
    try:
        async with connect("https://mcp.example/mcp", interactive=False) as client:
            await client.call_tool("add", {"a": 2, "b": 3})
    except SignInNeeded:
        print("Run: doorward login https://mcp.example/mcp")
    except (DiscoveryFailed, SignInFailed) as refusal:
        print("The sign-in failed:", refusal.reason, refusal.hint)
    except InsufficientScope as refusal:
        print("More scopes are needed:", sorted(refusal.scopes))
    except CallFailed as refusal:
        print("JSON-RPC error", refusal.number, refusal.data)
    except (ServerRefused, ProtocolBroken, Unreachable) as refusal:
        print("Ask the server's operator:", refusal.problem)
    except ClientRefused as refusal:
        print(refusal.reason, refusal.problem, refusal.hint)
    ```
    """

    code = "client-refused"

    def __init__(self, reason: str, problem: str, hint: str = "") -> None:
        # Here and not where it is printed: the bridge, logs and other programs show it as well.
        self.problem, self.hint = visible_line(problem), visible_line(hint)
        super().__init__(f"{self.problem} {self.hint}".strip())
        self.reason = reason


class Unreachable(ClientRefused):
    """The server did not answer in time."""

    code = "unreachable"


class UntrustedCertificate(Unreachable):
    """The server's certificate is not trusted; nothing was sent to it."""

    code = "certificate-refused"


def untrusted_certificate(place: str, why: str) -> UntrustedCertificate:
    """Return the error for a certificate at ``place`` that TLS does not trust."""
    return UntrustedCertificate(
        "untrusted-certificate",
        f"The certificate of {place} is not trusted: {why}.",
        "Use a host name that the certificate has. If an authority of your own issued it, set "
        "SSL_CERT_FILE to a PEM file with that authority's certificate. Otherwise, do not sign in "
        "there: another server may be answering.",
    )


class ProtocolBroken(ClientRefused):
    """The server's response is not valid."""

    code = "protocol-broken"


class DiscoveryFailed(ClientRefused):
    """No trusted authorization server was found for the MCP server."""

    code = "discovery-failed"


class SignInFailed(ClientRefused):
    """Registration, authorization or the token request failed."""

    code = "sign-in-failed"


class SignInNeeded(SignInFailed):
    """There is no valid token, and the client may not sign in here."""

    code = "sign-in-needed"


class ServerRefused(ClientRefused):
    """The MCP server refused the request."""

    code = "server-refused"


class InsufficientScope(ServerRefused):
    """The token does not reach far enough; ``scopes`` is all that the operation needs."""

    code = "scope-lacking"

    def __init__(self, problem: str, hint: str, scopes: frozenset[str]) -> None:
        super().__init__("insufficient-scope", problem, hint)
        self.scopes = scopes


class CallFailed(ClientRefused):
    """A JSON-RPC error: ``number`` is its code, ``data`` its data."""

    code = "call-failed"

    def __init__(self, number: int, message: str, data: Any = None) -> None:
        super().__init__(
            "json-rpc-error", f"The server answered: {message.rstrip('.')} ({number})."
        )
        self.number = number
        self.message = message
        self.data = data
