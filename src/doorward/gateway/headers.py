"""Which headers travel on, and which end at the gateway."""

import re
from collections.abc import Iterable, Sequence

Header = tuple[bytes, bytes]

# They speak of one connection, and ours to the server behind is another one.
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
# Host and length are said anew for what is really sent. Expect was answered by our own server.
_SAID_ANEW = frozenset({b"host", b"content-length", b"expect", b"via"})
# By these a proxy tells who called and under what name; from anybody else they are claims.
# So do those that say which certificate or which user it was: RFC 9440 §4 has them taken out, and
# Keycloak signs people in by them where it is told to. The last name another method.
_CLAIMS = re.compile(
    rb"forwarded|x-forwarded-.+|x-real-ip|x-original-.+|x-rewrite-.+"
    rb"|(?:x-|x-cluster-|true-|fastly-)client-ip|cf-connecting-.+"
    rb"|(?:x-)?client-cert(?:-.+)?|(?:x-)?ssl-.+|cert-chain(?:-.+)?|x-arr-.+|x-amzn-(?:mtls|oidc)-.+"
    rb"|(?:x-)?remote-user|x-auth-request-.+|x-goog-authenticated-.+|x-ms-client-principal(?:-.+)?"
    rb"|x-http-method(?:-override)?|x-method-override"
)


def request_headers(given: Sequence[Header], *, anew: Iterable[Header]) -> list[Header]:
    """
    Return the headers for the server behind: what is between the two ends, and ``anew``.

    Every header that claims to come from a proxy in front is left out: there is none, and the
    server behind believes them.

    Spec: RFC 9110 §7.6.1; RFC 7239 §8.1; RFC 9440 §4
    """
    dropped = _HOP_BY_HOP | _SAID_ANEW | _named_by_connection(given)
    kept = [
        (name, value)
        for name, value in given
        # Some servers read an underscore as a hyphen: "x_forwarded_host" is the same claim.
        if (plain := name.lower().replace(b"_", b"-")) not in dropped
        and not _CLAIMS.fullmatch(plain)
    ]
    return [*kept, *anew]


def response_headers(given: Sequence[Header]) -> list[Header]:
    """
    Return the headers for the caller, in lower case; a length that a chunked body denies is gone.

    Spec: RFC 9110 §7.6.1; RFC 9112 §6.3
    """
    lowered = [(name.lower(), value) for name, value in given]
    dropped = set(_HOP_BY_HOP | _named_by_connection(lowered))
    if any(name == b"transfer-encoding" for name, _ in lowered):
        dropped.add(b"content-length")
    return [(name, value) for name, value in lowered if name not in dropped]


def _named_by_connection(headers: Sequence[Header]) -> frozenset[bytes]:
    return frozenset(
        name.strip().lower()
        for given, value in headers
        if given.lower() == b"connection"
        for name in value.split(b",")
    )
