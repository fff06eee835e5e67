"""What this room answers instead of a result, and the one exception an author may raise."""

from collections.abc import Mapping
from typing import Any

from doorward.errors import DoorwardError, RequestRefused


class ToolError(DoorwardError):
    """
    Tell the model, in the author's own words, why a tool did not do what it was asked.

    ``raise ToolError("No flight on that day.")`` becomes a tool result with ``isError`` and that
    text. The text of every other exception stays in the log.

    Spec: MCP 2026-07-28, server/tools, "Error Handling"
    """

    code = "tool-error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class IdentityRequired(DoorwardError):
    """A function needs its caller, and no guard stands in front of the server to know one."""

    code = "nobody-to-ask"
    public = (
        "This operation needs to know who is calling, and no guard stands in front of this server."
    )


class ProtocolRefusal(RequestRefused):
    """
    A JSON-RPC error: the request itself is wrong, and no model can mend it.

    ``status`` is the HTTP status in the modern era. The initialize era answers 200 with the same
    body, because its clients read 404 as "your session is over".
    """

    code = "protocol-refusal"
    jsonrpc_code: int = -32600

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data

    @property
    def description(self) -> str:
        """The sentence a peer may read."""
        return self.message


class UnknownMethod(ProtocolRefusal):
    """No such method here. Spec: MCP 2026-07-28, transports/streamable-http."""

    code = "unknown-method"
    status = 404
    jsonrpc_code = -32601


class InvalidParams(ProtocolRefusal):
    """The method exists and its params are not what it takes."""

    code = "invalid-params"
    jsonrpc_code = -32602


class ResourceNotFound(InvalidParams):
    """Nothing can be read at this URI. Spec: MCP 2026-07-28, server/resources, "Error Handling"."""

    code = "resource-not-found"

    def __init__(self, message: str, uri: str, *, modern: bool) -> None:
        super().__init__(message, {"uri": uri})
        if not modern:
            self.jsonrpc_code = -32002


class MissingCapability(ProtocolRefusal):
    """The client did not say that it can do what this request needs of it."""

    code = "missing-capability"
    jsonrpc_code = -32021

    def __init__(self, required: Mapping[str, Any]) -> None:
        super().__init__(
            "Missing required client capability", {"requiredCapabilities": dict(required)}
        )


class TooManyTasks(ProtocolRefusal):
    """The server keeps as many tasks as it may."""

    code = "too-many-tasks"
    status = 503
    jsonrpc_code = -32603


class InternalFailure(ProtocolRefusal):
    """The author's code failed; the message carries a correlation id and nothing else."""

    code = "internal-failure"
    status = 500
    jsonrpc_code = -32603


class HttpRefusal(RequestRefused):
    """The HTTP request is not one that can carry an MCP message; ``headers`` go with the answer."""

    code = "http-refusal"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class NotPost(HttpRefusal):
    """GET and DELETE belong to sessions, and no other verb to anything here."""

    code = "not-post"
    status = 405
    public = "This MCP endpoint answers POST alone: it has no sessions and no standing streams."

    def __init__(self, detail: str, *, sessions: bool = False) -> None:
        super().__init__(detail)
        self.headers = ((b"allow", b"GET, POST, DELETE" if sessions else b"POST"),)
        self.said = "This MCP endpoint answers GET, POST and DELETE." if sessions else self.public

    @property
    def description(self) -> str:
        """The sentence a peer may read."""
        return self.said


class NoSuchSession(HttpRefusal):
    """There is no such session for this caller; the client is to begin another."""

    code = "no-such-session"
    status = 404
    public = "Session not found."


class NoSession(HttpRefusal):
    """This takes a session, and the request names none."""

    code = "no-session"
    public = "Send the Mcp-Session-Id header."


class NotAcceptable(HttpRefusal):
    """The client says it cannot read JSON, which is all this endpoint writes."""

    code = "not-acceptable"
    status = 406
    public = "Send 'Accept: application/json, text/event-stream'."


class NotJson(HttpRefusal):
    """The body says it is something else; a browser form may send such a body across origins."""

    code = "not-json"
    status = 415
    public = "Send 'Content-Type: application/json'."


class BodyTooLarge(HttpRefusal):
    """The body is longer than this server reads."""

    code = "body-too-large"
    status = 413
    public = "The request body is larger than this server accepts."
