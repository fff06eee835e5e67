"""What clients are told when a stdio server cannot answer."""

from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

_INTERNAL = -32603


class StdioServerRefusal(ProtocolRefusal):
    """The stdio server did not answer this request; it may answer the next one."""

    code = "stdio-server"
    status = 502
    jsonrpc_code = _INTERNAL
    public = "The MCP server behind this address did not answer."
    hint = "Look for the correlation id in the log: it has what the server wrote to stderr."

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        data = {"reason": self.code}
        if retry_after is not None:
            data["retryAfter"] = f"{retry_after:.0f}"
        super().__init__(self.public, data, detail=detail)


class StdioServerNotStarted(StdioServerRefusal):
    """The command could not be started, or did not answer ``initialize``."""

    code = "stdio-server-not-started"
    status = 503
    public = "The MCP server behind this address could not be started. Try again later."
    hint = "Run: doorward check. It starts the command, and prints what it wrote."


class StdioServerEnded(StdioServerRefusal):
    """The process ended, or was ended, while a request was in flight."""

    code = "stdio-server-ended"
    public = "The MCP server behind this address ended before it answered. It is started again."
    hint = "The log has the exit status and the last lines of stderr."


class StdioServerSlow(StdioServerRefusal):
    """No answer and no progress came in time."""

    code = "stdio-server-slow"
    status = 504
    public = "The MCP server behind this address did not answer in time."
    hint = "Report progress in long calls, or raise the limit request of this server."


class StdioServersBusy(StdioServerRefusal):
    """As many processes run as are allowed, and all of them have requests in flight."""

    code = "stdio-servers-busy"
    status = 503
    public = "Too many users call this MCP server at the moment. Try again later."
    hint = "Raise the limits processes or processes_per_user of this server."
