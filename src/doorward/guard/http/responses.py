"""HTTP answers of the guard, and how they are sent."""

from collections.abc import Mapping
from typing import NamedTuple

from doorward.errors import HttpError, RequestRefused
from doorward.guard.http.cors import Headers
from doorward.wire.asgi import Send
from doorward.wire.error_response import (
    BearerChallenge,
    as_asgi,
    error_response,
    jsonrpc_body,
    tool_error_body,
)
from doorward.wire.jsonrpc.envelope import Envelope

# Where the guard leaves in a scope what records a refusal inside the application.
INSIDE_KEY = "doorward.inside"


class Response(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: Headers
    body: bytes = b""


def refusal_answer(
    refusal: HttpError,
    challenge: BearerChallenge,
    *,
    correlation_id: str,
    request_id: str | int | None = None,
) -> Response:
    """
    Return the one answer to ``refusal``: a JSON-RPC error with its reason code and correlation id.

    Spec: RFC 6750 §3; MCP 2026-07-28 authorization §Error Handling
    """
    answer = error_response(refusal, correlation_id=correlation_id, challenge=challenge)
    body = jsonrpc_body(refusal, correlation_id=correlation_id, request_id=request_id)
    return _json(answer.status, answer.headers, body)


def tool_error_answer(
    refusal: RequestRefused, challenge: BearerChallenge, envelope: Envelope, correlation_id: str
) -> Response:
    """Return the same as the result of the tool call in ``envelope``, with the challenge in it."""
    body = tool_error_body(challenge.tool_error_for(refusal), envelope)
    return _json(200, error_response(refusal, correlation_id=correlation_id).headers, body)


def _json(status: int, more: Mapping[str, str], body: bytes) -> Response:
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        *as_asgi(more),
        (b"content-length", b"%d" % len(body)),
    ]
    return Response(status, headers, body)


async def deliver(answer: Response, send: Send, extra: Headers) -> None:
    """Send ``answer`` with the headers ``extra`` added."""
    headers = [*answer.headers, *extra]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
