"""Tells the answer of an MCP server from that of another web server."""

from collections.abc import Sequence

from doorward.gateway.headers import Header
from doorward.gateway.refusals import UpstreamNotMcp
from doorward.guard.http.request_headers import RequestHeaders
from doorward.wire.http_headers import media_type

_KINDS = frozenset({b"application/json", b"text/event-stream"})


def require_mcp(status: int, headers: Sequence[Header], request: RequestHeaders) -> None:
    """
    Return if an MCP server can answer a message like this.

    Errors without JSON pass, because servers write them as text: an unknown session is 404.

    Raises:
        UpstreamNotMcp: 502. A client would show a page, or follow a redirect past this gateway.

    Spec: MCP 2026-07-28 streamable HTTP, "Sending Messages to the Server"
    """
    found = dict(headers)
    kind = media_type(found.get(b"content-type", b""))
    if kind in _KINDS:
        return
    if 300 <= status < 400:
        raise UpstreamNotMcp(f"it redirects to {found.get(b'location', b'')[:200]!r}")
    if status == 200 or (status in (404, 405) and b"mcp-session-id" not in request.by_name):
        raise UpstreamNotMcp(f"it answered {status} and {kind[:100]!r} to a message")
