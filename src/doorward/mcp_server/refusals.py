"""The errors that this server answers with, and the one exception that authors raise."""

from collections.abc import Mapping
from typing import Any

from doorward.errors import DoorwardError, RequestRefused


class ToolError(DoorwardError):
    """
    Tell the model why a tool did not do what it was asked, in the author's words.

    ``raise ToolError("No flight on that day.")`` becomes a tool result with ``isError`` and that
    text. The text of every other exception goes to the log only.

    Spec: MCP 2026-07-28, server/tools, "Error Handling"
    """

    code = "tool-error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class IdentityRequired(DoorwardError):
    """A function needs the caller's identity, and no guard in front of the server provides one."""

    code = "identity-required"
    public = (
        "This operation needs to know who is calling, and no guard stands in front of this server."
    )


class InvalidArguments(DoorwardError):
    """The arguments do not fit the function; the text names each error, and no value."""

    code = "invalid-arguments"


class InvalidInputResponse(Exception):
    """A client's response does not fit the input request; the text may go to the client."""


class ProtocolRefusal(RequestRefused):
    """
    A JSON-RPC error: the request itself is wrong, and no model can fix it.

    ``status`` is the HTTP status in 2026-07-28. Older revisions get 200 with the same body, because
    their clients take 404 for the end of the session.
    """

    code = "protocol-refusal"
    jsonrpc_code: int = -32600

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data

    @property
    def description(self) -> str:
        """The text that the client gets."""
        return self.message


class UnknownMethod(ProtocolRefusal):
    """The server has no such method. Spec: MCP 2026-07-28, transports/streamable-http."""

    code = "unknown-method"
    status = 404
    jsonrpc_code = -32601


class InvalidParams(ProtocolRefusal):
    """The method exists, and its params are invalid."""

    code = "invalid-params"
    jsonrpc_code = -32602


class ResourceNotFound(InvalidParams):
    """No resource has this URI. Spec: MCP 2026-07-28, server/resources, "Error Handling"."""

    code = "resource-not-found"

    def __init__(self, message: str, uri: str, *, modern: bool) -> None:
        super().__init__(message, {"uri": uri})
        if not modern:
            self.jsonrpc_code = -32002


class MissingCapability(ProtocolRefusal):
    """The client did not declare a capability that this request needs."""

    code = "missing-capability"
    jsonrpc_code = -32021

    def __init__(self, required: Mapping[str, Any]) -> None:
        super().__init__(
            "Missing required client capability", {"requiredCapabilities": dict(required)}
        )


class TooManyTasks(ProtocolRefusal):
    """The server, or this caller, has reached the limit of tasks."""

    code = "too-many-tasks"
    status = 503
    jsonrpc_code = -32603


class InternalFailure(ProtocolRefusal):
    """The author's code failed; the message has a correlation id and nothing else."""

    code = "internal-failure"
    status = 500
    jsonrpc_code = -32603


class HttpRefusal(RequestRefused):
    """The HTTP request cannot carry an MCP message; ``headers`` are those of the response."""

    code = "http-refusal"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class NotPost(HttpRefusal):
    """The HTTP method is not POST; servers with sessions take GET and DELETE too."""

    code = "not-post"
    status = 405
    public = "This MCP endpoint accepts POST only: it has no sessions and no standalone streams."

    def __init__(self, detail: str, *, sessions: bool = False) -> None:
        super().__init__(detail)
        self.headers = ((b"allow", b"GET, POST, DELETE" if sessions else b"POST"),)
        self._sessions = sessions

    @property
    def description(self) -> str:
        """The text that the client gets."""
        return "This MCP endpoint accepts GET, POST and DELETE." if self._sessions else self.public


class NoSuchSession(HttpRefusal):
    """This caller has no session with this id; the client must begin another one."""

    code = "no-such-session"
    status = 404
    public = "Session not found."


class NoSession(HttpRefusal):
    """The request needs a session and names none."""

    code = "no-session"
    public = "Send the Mcp-Session-Id header."


class NotAcceptable(HttpRefusal):
    """The client's Accept header excludes what this endpoint would send."""

    code = "not-acceptable"
    status = 406
    public = "Send 'Accept: application/json, text/event-stream'."


class NotJson(HttpRefusal):
    """The Content-Type is not JSON; a browser form could send such a body across origins."""

    code = "not-json"
    status = 415
    public = "Send 'Content-Type: application/json'."


class BodyTooLarge(HttpRefusal):
    """The request body is larger than this server reads."""

    code = "body-too-large"
    status = 413
    public = "The request body is larger than this server accepts."
