"""The severities of log messages, and which of them a client wants."""

from typing import Any, Literal, get_args

from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.request_context import RequestContext

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
_SEVERITY = {level: rank for rank, level in enumerate(get_args(Level))}
LEVEL_META = "io.modelcontextprotocol/logLevel"


def require_level(value: Any) -> Level:
    """
    Return ``value`` when it is a level.

    Raises:
        InvalidParams: it is not. Spec: MCP 2026-07-28, server/utilities/logging, "Error Handling"
    """
    if not isinstance(value, str) or value not in _SEVERITY:
        raise InvalidParams(f"level must be one of {', '.join(_SEVERITY)}")
    return value  # type: ignore[return-value]


def is_wanted(level: Level, request: RequestContext) -> bool:
    """
    Say whether the client of this call asked for messages of this level.

    In 2026-07-28 each request says so; before, the session does. A client that said nothing is
    sent nothing: it may not even read a stream.

    Raises:
        InvalidParams: what the request says is no level.
    """
    if request.revision.modern:
        asked = request.meta.get(LEVEL_META)
        return asked is not None and _SEVERITY[level] >= _SEVERITY[require_level(asked)]
    wanted = request.session.log_level if request.session is not None else None
    return wanted is not None and _SEVERITY[level] >= _SEVERITY[wanted]


async def set_level(request: RequestContext) -> bytes:
    """
    Answer ``logging/setLevel``.

    Raises:
        InvalidParams: not a level, or there is no session to keep it for.

    Spec: MCP 2025-11-25, server/utilities/logging
    """
    level = require_level(request.params.get("level"))
    if request.session is None:
        raise InvalidParams("A log level is kept for a session, and this request has none")
    request.session.log_level = level
    return b""
