"""The errors that this server answers with, and the one exception that authors raise."""

from collections.abc import Mapping
from typing import Any

from doorward.errors import DoorwardError, RequestRefused
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal


class ToolError(DoorwardError):
    """
    Tell the model why a tool did not do what it was asked, in the author's words.

    ```python
    @server.tool(scopes={"flights:book"})
    async def book(day: str) -> str:
        \"\"\"Book a flight.\"\"\"
        raise ToolError(f"No flight on {day}. Try the day after.")
    ```

    ``raise ToolError("No flight on that day.")`` becomes a tool result with ``isError`` and that
    text. The text of every other exception goes to the log only.

    Spec: MCP 2026-07-28, server/tools, "Error Handling"
    """

    code = "tool-error-result"

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


class InvalidParams(ProtocolRefusal):
    """The method exists, and its params are invalid."""

    code = "invalid-params"
    jsonrpc_code = -32602
    hint = "Compare the params with the schema that the list of tools or prompts gives."


class ResourceNotFound(InvalidParams):
    """No resource has this URI. Spec: MCP 2026-07-28, server/resources, "Error Handling"."""

    code = "resource-not-found"
    hint = "List the resources, and read one of those URIs."

    def __init__(self, message: str, uri: str, *, modern: bool) -> None:
        super().__init__(message, {"uri": uri})
        if not modern:
            self.jsonrpc_code = -32002


class MissingCapability(ProtocolRefusal):
    """
    The client did not declare a capability that this request needs.

    ```python
    @server.tool()
    async def summarize(text: str, ctx: Context) -> str:
        \"\"\"Summarize with the client's model, or cut the text off.\"\"\"
        try:
            return (await ctx.sample(text, max_tokens=100)).text
        except MissingCapability:
            return text[:200]
    ```
    """

    code = "missing-capability"
    jsonrpc_code = -32021
    hint = "Declare the capability that error.data names, if the client supports it."

    def __init__(self, required: Mapping[str, Any]) -> None:
        super().__init__(
            "Missing required client capability", {"requiredCapabilities": dict(required)}
        )


class TooManyTasks(ProtocolRefusal):
    """The server, or this caller, has reached the limit of tasks."""

    code = "too-many-tasks"
    status = 503
    jsonrpc_code = -32603
    hint = "Try again later, or let the server keep more tasks."


class InternalFailure(ProtocolRefusal):
    """
    The author's code failed; the message has a correlation id and nothing else.

    ```python
    def is_bug(answer: httpx2.Response) -> bool:
        return answer.json()["error"]["code"] == InternalFailure.jsonrpc_code
    ```
    """

    code = "internal-failure"
    status = 500
    jsonrpc_code = -32603
    hint = "Look for the correlation id in the log: the traceback is there."


class NotPost(RequestRefused):
    """The HTTP method is not POST; servers with sessions take GET and DELETE too."""

    code = "not-post"
    status = 405
    public = "This MCP endpoint accepts POST only: it has no sessions and no standalone streams."
    hint = "Send messages by POST. GET and DELETE work where the server keeps sessions."

    def __init__(self, detail: str, *, sessions: bool = False) -> None:
        said = "This MCP endpoint accepts GET, POST and DELETE." if sessions else None
        super().__init__(detail, description=said)
        self._allow = "GET, POST, DELETE" if sessions else "POST"

    @property
    def headers(self) -> Mapping[str, str]:
        """``Allow``."""
        return {"Allow": self._allow}


class NoSession(RequestRefused):
    """The request needs a session and names none."""

    code = "session-id-missing"
    public = "Send the Mcp-Session-Id header."
    hint = "Send initialize first, then repeat the Mcp-Session-Id of its response."


class NotAcceptable(RequestRefused):
    """The client's Accept header excludes what this endpoint would send."""

    code = "not-acceptable"
    status = 406
    public = "Send 'Accept: application/json, text/event-stream'."
    hint = "Name application/json in the Accept header."
