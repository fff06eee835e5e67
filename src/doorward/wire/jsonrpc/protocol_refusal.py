"""JSON-RPC errors about the request itself, shared by guard and MCP server."""

from typing import Any

from doorward.errors import RequestRefused
from doorward.wire.jsonrpc.malformed import INVALID_REQUEST, METHOD_NOT_FOUND


class ProtocolRefusal(RequestRefused):
    """
    A JSON-RPC error: the request itself is wrong, and no model can correct it.

    ``message`` is for the client, ``detail`` for the log. ``status`` is the HTTP status since
    2026-07-28. Protocol revisions with ``initialize`` use 200 with the same body, because their
    clients read 404 as an expired session.
    """

    code = "protocol-refusal"
    jsonrpc_code: int = INVALID_REQUEST

    def __init__(self, message: str, data: Any = None, *, detail: str | None = None) -> None:
        super().__init__(message if detail is None else detail, description=message)
        self.message = message
        self.data = data


class UnknownMethod(ProtocolRefusal):
    """
    The server does not have the method, or no rule allows it.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Protocol Version Header
    """

    code = "unknown-method"
    status = 404
    public = "Method not found"
    hint = (
        "Call a method that the server announces; the policy refuses methods that it does not know."
    )
    jsonrpc_code = METHOD_NOT_FOUND
