"""CORS: what a page in a browser may send to the endpoint, and what it may read of the answer."""

import re

from doorward.guard.http.request_headers import RequestHeaders

Headers = list[tuple[bytes, bytes]]

_METHODS = b"GET, POST, DELETE, OPTIONS"
_READABLE = b"WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, X-Correlation-Id, Retry-After"
# The request headers of MCP and of tracing. PARAMETER matches those that mirror an argument.
SENDABLE = (
    b"authorization",
    b"content-type",
    b"accept",
    b"mcp-protocol-version",
    b"mcp-session-id",
    b"mcp-method",
    b"mcp-name",
    b"last-event-id",
    b"traceparent",
    b"tracestate",
)
PARAMETER = re.compile(rb"mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]{1,128}")
_OURS = frozenset(
    {
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"access-control-allow-credentials",
    }
)

# Metadata is the same for everybody and needs no credentials, so every page may read it.
FOR_METADATA: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"MCP-Protocol-Version, Content-Type, Accept"),
    (b"access-control-max-age", b"600"),
]


def is_preflight(method: str, headers: RequestHeaders) -> bool:
    """Return whether this is a CORS preflight."""
    return method == "OPTIONS" and b"access-control-request-method" in headers.by_name


def preflight_headers(origin: bytes, headers: RequestHeaders) -> Headers:
    """
    Return the CORS headers for a preflight from ``origin``, which was checked before.

    Does not permit credentials: a token travels in a header that the page sets itself.

    Spec: Fetch §CORS-preflight
    """
    wanted = headers.by_name.get(b"access-control-request-headers", b"")
    names = [name.strip().lower() for name in wanted.split(b",")[:64]]
    granted = [name for name in names if name in SENDABLE or PARAMETER.fullmatch(name)]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", b", ".join(granted or SENDABLE)),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Origin, Access-Control-Request-Headers"),
    ]


def readable_headers(origin: bytes | None) -> Headers:
    """Return what lets a page of ``origin`` read an answer, whatever its status."""
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _READABLE),
        (b"vary", b"Origin"),
    ]


def without_cors(headers: Headers) -> Headers:
    """Return an application's headers without CORS of its own: two permissions are none."""
    return [(name, value) for name, value in headers if name.lower() not in _OURS]
