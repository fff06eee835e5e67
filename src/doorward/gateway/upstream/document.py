"""Reads a realm's metadata from upstream, and checks the issuer that it names."""

from dataclasses import dataclass, field

from doorward.gateway.headers import Header
from doorward.gateway.refusals import ForeignIssuer, MethodNotForwarded, UpstreamBroken
from doorward.gateway.upstream.exchange import Upstream, UpstreamRequest, UpstreamResponse
from doorward.wire.strict_json import NotStrictJson, parse_object

_MAX_BYTES = 256 * 1024
_FORWARDED = frozenset(
    {b"content-type", b"cache-control", b"etag", b"content-length", b"retry-after"}
)


@dataclass(frozen=True)
class Document:
    """A response that was read completely and checked."""

    status: int
    headers: list[Header]
    body: bytes = field(repr=False)


async def read_document(
    upstream: Upstream, upstream_request: UpstreamRequest, *, issuer: str
) -> Document:
    """
    Return the requested metadata, unchanged.

    Other responses, such as 404 for an unknown realm or 503, are also forwarded unchanged.

    Raises:
        MethodNotForwarded: 405, documents are read-only.
        ForeignIssuer: 502, it names another issuer than ``issuer``.
        UpstreamBroken: 502, it is too long, or no JSON object.

    Spec: RFC 8414 §3.3
    """
    if upstream_request.method not in ("GET", "HEAD"):
        raise MethodNotForwarded(f"method={upstream_request.method!r} for a document")
    headers_sent = [
        one
        for one in upstream_request.headers
        if one[0].lower() not in (b"accept-encoding", b"range")
    ]
    plain_request = UpstreamRequest(
        method="GET",
        origin=upstream_request.origin,
        target=upstream_request.target,
        headers=[*headers_sent, (b"accept-encoding", b"identity")],
        body=b"",
    )
    async with upstream.send(plain_request) as response:
        body = await _read(response)
    headers = [one for one in response.headers if one[0] in _FORWARDED]
    if response.status == 200:
        _require_issuer(body, issuer)
    return Document(response.status, headers, body)


async def _read(response: UpstreamResponse) -> bytes:
    body = bytearray()
    async for chunk in response.chunks:
        body += chunk
        if len(body) > _MAX_BYTES:
            raise UpstreamBroken(f"a document of more than {_MAX_BYTES} bytes")
    return bytes(body)


def _require_issuer(body: bytes, issuer: str) -> None:
    try:
        named = parse_object(body).get("issuer")
    except NotStrictJson as error:
        raise UpstreamBroken(f"a document that is no JSON object: {error}") from None
    if named != issuer:
        raise ForeignIssuer(f"issuer={named!r}, want {issuer!r}")
