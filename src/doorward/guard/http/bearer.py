"""Reads the bearer token: from one Authorization header, and from nowhere else."""

from urllib.parse import parse_qsl

from doorward.errors import AmbiguousToken, MalformedToken, MissingToken
from doorward.guard.http.request_headers import RequestHeaders

# RFC 6750 §2.1: "Bearer" 1*SP b64token. The scheme's case says nothing (RFC 9110 §11.1).
_SCHEME = b"bearer"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"


def read_bearer(headers: RequestHeaders, query: bytes) -> bytes:
    """
    Return the access token as the request sends it; ``require_token`` checks its characters.

    Raises:
        MissingToken: no token came, or another scheme; the challenge names no error.
        AmbiguousToken: two credentials came, or one in the query.

    Spec: RFC 6750 §2.1, §3.1; MCP 2026-07-28 authorization §Token Requirements
    """
    # Queries end up in logs, histories and Referer headers. A token there is refused even if a
    # valid one is in the header.
    if query and any(name == "access_token" for name, _ in _pairs(query)):
        raise AmbiguousToken("access_token in the query")
    if b"authorization" in headers.repeated:
        raise AmbiguousToken("several Authorization headers")
    header = headers.by_name.get(b"authorization")
    if header is None:
        raise MissingToken("no Authorization header")
    scheme, _, token = header.strip(b" \t").partition(b" ")
    if scheme.lower() != _SCHEME:
        # Another scheme is not a credential here; the challenge tells the client what to send.
        raise MissingToken("an Authorization header of another scheme")
    return token.lstrip(b" ")


def require_token(token: bytes) -> None:
    """
    Return if ``token`` has the syntax of a bearer token.

    Raises:
        MalformedToken: a Bearer header came without exactly one token in it.

    Spec: RFC 6750 §2.1 (b64token)
    """
    bare = token.rstrip(b"=")
    if not bare or bare.translate(None, _ALPHABET):
        raise MalformedToken("Bearer without exactly one well-formed token")


def _pairs(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)
