"""CORS headers for upstream servers: which web pages may call them, and what pages may read."""

from doorward.errors import RequestRefused
from doorward.gateway.headers import Header
from doorward.gateway.routes import CorsPolicy
from doorward.guard.http.request_headers import RequestHeaders
from doorward.wire.host_origin import HostOriginPolicy

_METHODS = b"GET, POST, PUT, DELETE, OPTIONS"
_SENDABLE = frozenset({b"accept", b"authorization", b"content-type", b"mcp-protocol-version"})


def allowed_origin(
    cors: CorsPolicy, host_policy: HostOriginPolicy, headers: RequestHeaders
) -> bytes | None:
    """
    Return the origin whose pages may read the response; ``*`` for everybody, ``None`` for nobody.

    Does not refuse: the identity provider decides about forms that other pages send.
    """
    origin = headers.by_name.get(b"origin")
    if cors == "any-origin":
        return b"*"
    if cors == "upstream" or origin is None or b"origin" in headers.repeated:
        return None
    try:
        host_policy.require_origin(origin)
    except RequestRefused:
        return None
    return origin


def preflight_headers(origin: bytes | None, headers: RequestHeaders) -> list[Header]:
    """
    Return the headers that answer a preflight; without ``origin``, they grant nothing.

    Never permits credentials: with them, a page could act as the user who is signed in at the
    provider.

    Spec: Fetch §CORS-preflight
    """
    if origin is None:
        return [(b"vary", b"Origin")]
    wanted = headers.by_name.get(b"access-control-request-headers", b"").lower().split(b",")
    granted = [name for one in wanted[:64] if (name := one.strip()) in _SENDABLE]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", b", ".join(granted or sorted(_SENDABLE))),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Origin, Access-Control-Request-Headers"),
    ]


def with_cors(headers: list[Header], cors: CorsPolicy, origin: bytes | None) -> list[Header]:
    """Return the response headers with the gateway's CORS headers in place of the upstream's."""
    if cors == "upstream":
        return headers
    kept = [one for one in headers if not one[0].startswith(b"access-control-")]
    if origin is None:
        return [*kept, (b"vary", b"Origin")]
    readable = (b"access-control-expose-headers", b"WWW-Authenticate, Retry-After")
    return [*kept, (b"access-control-allow-origin", origin), readable, (b"vary", b"Origin")]
