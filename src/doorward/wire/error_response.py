"""
The HTTP response for every error: its status, its headers, and the body of each protocol.

Guard, FastAPI routes, MCP server, authorization server and gateway all build their errors here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from doorward.errors import (
    HttpError,
    MissingToken,
    NotPermitted,
    RequestRefused,
    ScopeMissing,
    Unavailable,
)
from doorward.wire.jsonrpc.envelope import Envelope
from doorward.wire.jsonrpc.malformed import Malformed, jsonrpc_error
from doorward.wire.oauth.challenge import build_challenge
from doorward.wire.oauth.scope import build_scope

CHALLENGE_META = "mcp/www_authenticate"
"""The member of a tool result's ``_meta`` that has challenges, in an array."""


class BearerChallenge(NamedTuple):
    """
    The values for the challenges of one protected resource.

    ``scopes`` are those that a client without a token should request. Keep them few, so that no user
    has to consent to everything at once. ``documentation`` is the URL of a page for people.
    """

    metadata_url: str
    scopes: frozenset[str]
    documentation: str | None = None

    def answer_to(self, error: HttpError) -> str | None:
        """
        Return the value of ``WWW-Authenticate``, or ``None`` if no token would help.

        Spec: RFC 6750 §3; RFC 9728 §5.1; MCP 2026-07-28 authorization §Error Handling
        """
        if not isinstance(error, RequestRefused):
            return None
        if error.status not in (401, 403) and error.wire_error is None:
            return None
        # If new scopes would not help, a challenge makes the client sign in again and again.
        if isinstance(error, NotPermitted) or (error.status == 403 and not error.wire_error):
            return None
        return self._challenge(error, error.wire_error)

    def tool_error_for(self, error: RequestRefused) -> dict[str, Any]:
        """
        Return the result of a tool call that was refused with ``error``, which a challenge answers.

        ChatGPT reads the challenge in ``_meta``, and needs an ``error`` in it even if no token came.
        The model reads the sentence. Both have the scopes of the challenge over HTTP.

        Spec: OpenAI plugins, "Triggering authentication UI"
        """
        where = self.documentation or self.metadata_url
        text = f"{error.description} Sign in to this server to continue: {where}"
        challenge = self._challenge(error, error.wire_error or "insufficient_scope")
        return {**tool_error(text), "_meta": {CHALLENGE_META: [challenge]}}

    def _challenge(self, error: RequestRefused, code: str | None) -> str:
        params: list[tuple[str, str]] = []
        if code is not None:
            params.append(("error", code))
            params.append(("error_description", error.description))
        scopes = error.scopes if isinstance(error, ScopeMissing) else self.scopes
        if isinstance(error, MissingToken):
            scopes |= error.scopes
        if scopes and error.status != 400:
            params.append(("scope", build_scope(scopes)))
        params.append(("resource_metadata", self.metadata_url))
        return build_challenge("Bearer", params)


def tool_error(text: str) -> dict[str, Any]:
    """
    Return the result of a tool call that failed, with a sentence that the model reads.

    Spec: MCP 2026-07-28 server/tools §Error Handling
    """
    return {"content": [{"type": "text", "text": text}], "isError": True}


def tool_error_body(result: Mapping[str, Any], envelope: Envelope) -> bytes:
    """Return the JSON-RPC response to the call in ``envelope``, in its protocol revision."""
    kind = {} if envelope.protocol_version is None else {"resultType": "complete"}
    message = {"jsonrpc": "2.0", "id": envelope.id, "result": {**kind, **result}}
    return msgspec.json.encode(message)


class ErrorResponse(NamedTuple):
    """Status and headers of an error; the body depends on the protocol."""

    status: int
    headers: dict[str, str]


def error_response(
    error: HttpError,
    *,
    correlation_id: str | None = None,
    challenge: BearerChallenge | None = None,
) -> ErrorResponse:
    """
    Return the status and the headers of ``error``, the same in every protocol.

    The headers are the correlation id, ``Allow``, ``Retry-After`` and ``WWW-Authenticate``.
    """
    headers = {} if correlation_id is None else {"X-Correlation-Id": correlation_id}
    headers.update(error.headers)
    said = None if challenge is None else challenge.answer_to(error)
    if said is not None:
        headers["WWW-Authenticate"] = said
    return ErrorResponse(error.status, headers)


def as_asgi(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return ``headers`` in the form that ASGI expects."""
    return [
        (name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()
    ]


def error_object(error: HttpError, correlation_id: str) -> dict[str, Any]:
    """
    Return the ``error`` member of a JSON-RPC response: code, message, reason and correlation id.

    The client gets the public sentence. Only the log, under the same id, says what was found and what
    was expected.
    """
    code: int = getattr(error, "jsonrpc_code", error.status)
    more: Mapping[str, Any] = getattr(error, "data", None) or {}
    data = {**more, "reason": error.code, "correlation_id": correlation_id}
    return {"code": code, "message": error.description, "data": data}


def jsonrpc_body(
    error: HttpError, *, correlation_id: str, request_id: str | int | None = None
) -> bytes:
    """Return a whole JSON-RPC error response."""
    if isinstance(error, Malformed):
        # None if the request's id could not be read.
        request_id = error.id
    said = error_object(error, correlation_id)
    return jsonrpc_error(request_id, said["code"], said["message"], said["data"])


def oauth_body(error: HttpError) -> dict[str, str]:
    """
    Return the body of an OAuth error response.

    Spec: RFC 6749 §5.2; RFC 7591 §3.2.2
    """
    otherwise = "temporarily_unavailable" if isinstance(error, Unavailable) else "invalid_request"
    body = {"error": error.wire_error or otherwise, "error_description": error.description}
    # A page on which the user can change what is wrong.
    page: str | None = getattr(error, "error_uri", None)
    return body if page is None else {**body, "error_uri": page}
