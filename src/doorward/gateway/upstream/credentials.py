"""Which credentials pass the gateway, in requests and in responses."""

from typing import Literal

from doorward.gateway.headers import Header
from doorward.gateway.refusals import UpstreamWantsCredentials

Credentials = Literal["all", "token", "none"]
"""All of them, the access token without cookies, or none."""

_REQUEST: dict[Credentials, frozenset[bytes]] = {
    "all": frozenset(),
    # Cookies are of this host, and so of the sign-in pages that it may serve as well.
    "token": frozenset({b"cookie"}),
    "none": frozenset({b"authorization", b"cookie", b"dpop"}),
}
_RESPONSE: dict[Credentials, frozenset[bytes]] = {
    "all": frozenset(),
    # An upstream server could sign the browser in at this host as somebody else.
    "token": frozenset({b"clear-site-data", b"set-cookie", b"set-cookie2"}),
    "none": frozenset({b"clear-site-data", b"set-cookie", b"set-cookie2", b"www-authenticate"}),
}


def sent_upstream(headers: list[Header], credentials: Credentials) -> list[Header]:
    """
    Return the request headers without the credentials that stay here.

    Spec: MCP 2026-07-28 security best practices §Token Passthrough
    """
    dropped = _REQUEST[credentials]
    return [one for one in headers if one[0].lower() not in dropped] if dropped else headers


def sent_back(status: int, headers: list[Header], credentials: Credentials) -> list[Header]:
    """
    Return the response headers without the credentials that an upstream server may not set.

    Raises:
        UpstreamWantsCredentials: 502, a server that gets no token asks for one. Its challenge could
            send clients to another authorization server.

    Spec: RFC 9728 §7.6
    """
    if status == 401 and credentials == "none":
        raise UpstreamWantsCredentials("it answered 401 to a request without a token")
    dropped = _RESPONSE[credentials]
    return [one for one in headers if one[0] not in dropped] if dropped else headers
