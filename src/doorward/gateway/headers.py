"""Which headers the gateway forwards, and which it drops."""

import re
from collections.abc import Collection, Iterable, Sequence

from doorward.errors import ConfigurationError
from doorward.guard.http.cors import PARAMETER, SENDABLE

Header = tuple[bytes, bytes]

# These describe one connection. The connection to the upstream server is another one.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
# The gateway sets Host and Content-Length for its own request. Our server has answered Expect.
_REPLACED = frozenset({b"host", b"content-length", b"expect", b"via"})
# Forwarded besides the headers of MCP and tracing: content negotiation, and the headers that
# browsers and the sign-in pages of a provider exchange.
_FORWARDED = frozenset(SENDABLE) | {
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"access-control-request-headers",
    b"access-control-request-method",
    b"baggage",
    b"cache-control",
    b"content-encoding",
    b"content-language",
    b"cookie",
    b"dpop",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"origin",
    b"pragma",
    b"range",
    b"referer",
    b"sec-fetch-dest",
    b"sec-fetch-mode",
    b"sec-fetch-site",
    b"sec-fetch-user",
    b"upgrade-insecure-requests",
    b"user-agent",
}
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
# Proxies name the caller, its certificate or the target in headers with these words. A server that
# trusts such a header trusts every caller, so no setting forwards it.
_PROXY_HEADER_WORDS = frozenset(
    b"auth authenticated authenticator authorization authorized cert certificate client claims"
    b" email envoy forwarded group groups host identity ip jwt method oidc original principal proxy"
    b" remote rewrite role roles saml ssl subject uri url user userid username webauth".split()
)


def require_forwardable(name: str) -> bytes:
    """
    Return ``name`` in lower case, if an operator may add it to the forwarded headers.

    Raises:
        ConfigurationError: ``not-a-header``, or ``header-not-passed`` for a hop-by-hop
            header, or for one in which proxies name the caller.
    """
    lowered = require_header_name(name)
    # Some servers read an underscore as a hyphen: "X_User" is the same claim.
    plain = lowered.replace(b"_", b"-")
    if plain in _HOP_BY_HOP | _REPLACED or not _PROXY_HEADER_WORDS.isdisjoint(plain.split(b"-")):
        raise ConfigurationError(
            "header-not-passed",
            f"{name!r} is a header by which a proxy could say who called, or how to read a message.",
            "Leave it out, or let clients and server use another name for what it carries.",
        )
    return lowered


def require_header_name(name: str) -> bytes:
    """Return ``name`` in lower case. Raises: ConfigurationError, ``not-a-header``."""
    lowered = name.lower().encode("utf-8")
    if not _NAME.fullmatch(lowered):
        raise ConfigurationError(
            "not-a-header",
            f"{name!r} is not the name of a header.",
            "Give names alone, such as X-Tenant.",
        )
    return lowered


def is_forwarded(name: bytes) -> bool:
    """Return whether callers can send this header to the upstream server, or it frames messages."""
    plain = name.replace(b"_", b"-")
    known = _FORWARDED | _HOP_BY_HOP | _REPLACED
    return plain in known or PARAMETER.fullmatch(plain) is not None


def request_headers(
    given: Sequence[Header], *, added: Iterable[Header], more: Collection[bytes] = ()
) -> list[Header]:
    """
    Return the headers for the upstream server: allowed ones, those in ``more``, then ``added``.

    Any other header could name the caller, or claim that a proxy has checked the request. No proxy
    is in front of the gateway, so only the caller can have sent it. White space around a value is
    no part of it; some servers leave it there, and none may send it.

    Spec: RFC 9110 §5.5, §7.6.1; RFC 7239 §8.1; RFC 9440 §4
    """
    kept: list[Header] = []
    named: set[bytes] = set()
    for name, value in given:
        lowered = name.lower()
        if lowered == b"connection":
            named |= _names_in(value)
        # Names are compared as they are: some servers read "mcp_session_id" as "mcp-session-id".
        elif lowered in _FORWARDED or lowered in more or PARAMETER.fullmatch(lowered):
            kept.append((name, value.strip(b" \t")))
    if named:
        kept = [one for one in kept if one[0].lower() not in named]
    kept += added
    return kept


def response_headers(given: Sequence[Header]) -> list[Header]:
    """
    Return the headers for the caller, in lower case. A chunked body has no Content-Length.

    Spec: RFC 9110 §7.6.1; RFC 9112 §6.3
    """
    lowered = [(name.lower(), value) for name, value in given]
    dropped: Collection[bytes] = _HOP_BY_HOP
    for name, value in lowered:
        if name == b"connection":
            dropped = {*dropped, *_names_in(value)}
        elif name == b"transfer-encoding":
            dropped = {*dropped, b"content-length"}
    return [one for one in lowered if one[0] not in dropped]


def _names_in(connection: bytes) -> set[bytes]:
    """Return the headers that ``Connection`` names: they are for one connection only."""
    return {name.strip().lower() for name in connection.split(b",")}
