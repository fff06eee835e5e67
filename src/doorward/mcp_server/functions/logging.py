"""Log messages to the client: levels, and which of them a client wants."""

from typing import Any, get_args

from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.mcp_server.streams.session import LogLevel

_SEVERITY = {level: rank for rank, level in enumerate(get_args(LogLevel))}
LEVEL_META = "io.modelcontextprotocol/logLevel"


def require_level(value: Any) -> LogLevel:
    """
    Return ``value`` if it is a log level.

    Raises:
        InvalidParams: it is not. Spec: MCP 2026-07-28, server/utilities/logging, "Error Handling"
    """
    if not isinstance(value, str) or value not in _SEVERITY:
        raise InvalidParams(f"level must be one of {', '.join(_SEVERITY)}")
    return value  # type: ignore[return-value]


def is_wanted(level: LogLevel, request: RequestContext) -> bool:
    """
    Say whether the client wants log messages of this level.

    In 2026-07-28 each request sets the level; in older revisions the session does. Without a level
    the client gets no messages: it may not read streams.

    Raises:
        InvalidParams: the request has an unknown level.
    """
    if request.revision.modern:
        wanted = request.meta.get(LEVEL_META)
        return wanted is not None and _SEVERITY[level] >= _SEVERITY[require_level(wanted)]
    minimum = request.session.log_level if request.session is not None else None
    return minimum is not None and _SEVERITY[level] >= _SEVERITY[minimum]


async def set_level(request: RequestContext) -> Result:
    """
    Answer ``logging/setLevel``.

    Raises:
        InvalidParams: the level is unknown, or the request has no session.

    Spec: MCP 2025-11-25, server/utilities/logging
    """
    level = require_level(request.params.get("level"))
    if request.session is None:
        raise InvalidParams("A log level is kept for a session, and this request has none")
    request.session.log_level = level
    return {}
