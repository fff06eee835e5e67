"""Every refusal as its one HTTP answer: status, challenge, and a body a program can read."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from doorward.errors import NotPermitted, RequestRefused, ScopeMissing, Unavailable
from doorward.guard.http.cors import Headers
from doorward.guard.refusals import MethodRefused
from doorward.wire.jsonrpc.envelope import Malformed, jsonrpc_error
from doorward.wire.oauth.challenge import build_challenge
from doorward.wire.oauth.scope import build_scope

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where the door leaves in a scope what records a refusal that follows inside the application.
INSIDE_KEY = "doorward.inside"


class Response(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: Headers
    body: bytes = b""


class RefusalResponses:
    """
    What refusals of one resource look like.

    ``scopes`` are those a client should ask for when it has no token yet: few, so that nobody is
    asked to consent to everything at once.
    """

    def __init__(self, metadata_url: str, scopes: frozenset[str]) -> None:
        self._metadata_url = metadata_url
        self._scopes = scopes

    def answer(
        self,
        refusal: RequestRefused | Unavailable,
        *,
        correlation_id: str,
        request_id: str | int | None = None,
    ) -> Response:
        """
        Return the one answer to ``refusal``.

        The peer reads the public sentence, the reason code and the correlation id. What was got
        and what was expected stays here: it is in the log under the same id.

        Spec: RFC 6750 §3; MCP 2026-07-28 authorization §Error Handling
        """
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"x-correlation-id", correlation_id.encode("ascii")),
        ]
        if isinstance(refusal, MethodRefused):
            headers.append((b"allow", refusal.allow.encode("ascii")))
        if isinstance(refusal, Unavailable):
            headers.append((b"retry-after", str(refusal.retry_after).encode("ascii")))
            public = refusal.public
        else:
            public = refusal.description
            challenge = self._challenge(refusal)
            if challenge is not None:
                headers.append((b"www-authenticate", challenge.encode("ascii")))
        data: dict[str, Any] = {"reason": refusal.code, "correlation_id": correlation_id}
        if isinstance(refusal, Malformed):
            data = {**(refusal.data or {}), **data}
            request_id = refusal.id
        code: int = getattr(refusal, "jsonrpc_code", refusal.status)
        body = jsonrpc_error(request_id, code, public, data)
        headers.append((b"content-length", str(len(body)).encode("ascii")))
        return Response(refusal.status, headers, body)

    def _challenge(self, refusal: RequestRefused) -> str | None:
        if refusal.status not in (401, 403) and refusal.wire_error is None:
            return None
        # Told to ask for scopes that change nothing, a client signs in again and again.
        if isinstance(refusal, NotPermitted) or (refusal.status == 403 and not refusal.wire_error):
            return None
        params: list[tuple[str, str]] = []
        if refusal.wire_error is not None:
            params.append(("error", refusal.wire_error))
            params.append(("error_description", refusal.description))
        scopes = refusal.scopes if isinstance(refusal, ScopeMissing) else self._scopes
        if scopes and refusal.status != 400:
            params.append(("scope", build_scope(scopes)))
        params.append(("resource_metadata", self._metadata_url))
        return build_challenge("Bearer", params)


async def deliver(answer: Response, send: Send, extra: Headers) -> None:
    """Send ``answer`` with ``extra`` headers."""
    headers = [*answer.headers, *extra]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
