"""What this room answers instead of a result, and the one exception an author may raise."""

from typing import Any, ClassVar

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


class ProtocolRefusal(RequestRefused):
    """
    A JSON-RPC error: the request itself is wrong, and no model can mend it.

    ``status`` is the HTTP status in the modern era. The initialize era answers 200 with the same
    body, because its clients read 404 as "your session is over".
    """

    code = "protocol-refusal"
    jsonrpc_code: ClassVar[int] = -32600

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


class InternalFailure(ProtocolRefusal):
    """The author's code failed; the message carries a correlation id and nothing else."""

    code = "internal-failure"
    status = 500
    jsonrpc_code = -32603


class HttpRefusal(RequestRefused):
    """The HTTP request is not one that can carry an MCP message; ``headers`` go with the answer."""

    code = "http-refusal"
    headers: ClassVar[tuple[tuple[bytes, bytes], ...]] = ()


class NotPost(HttpRefusal):
    """GET and DELETE belong to sessions and standing streams, and there are none here."""

    code = "not-post"
    status = 405
    public = "This MCP endpoint answers POST alone: it has no sessions and no standing streams."
    headers = ((b"allow", b"POST"),)


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
