"""Answers that say whom they were made for, and that no shared cache keeps."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from doorward.identity import SCOPE_KEY, Identity
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send

Context = Callable[[Identity], dict[str, Any]]


def subject_and_roles(user: Identity) -> dict[str, Any]:
    """Return what an answer says of its user when nothing else is chosen."""
    return {"id": user.subject, "roles": sorted(user.roles)}


class UserContext:
    """
    Put the verified caller into every answer of ``app``, and keep it out of shared caches.

    ```python
    app = guard.protect(UserContext(server.in_front_of(web), member="example.org/user"))
    ```

    The header ``mcp-user`` names the subject, percent-encoded. A result in plain JSON has ``member``
    in its ``_meta``, with what ``context`` returns of the caller; a stream has the header alone.
    Stands behind a guard: an answer to nobody is left as it is.

    Spec: RFC 9111 §5.2.2.5, §5.2.2.7; MCP 2026-07-28, basic/index §_meta
    """

    def __init__(self, app: ASGIApp, *, member: str, context: Context = subject_and_roles) -> None:
        self._app = app
        self._member = member
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope; one that the guard let through carries its user."""
        user = scope.get(SCOPE_KEY)
        if not isinstance(user, Identity):
            await self._app(scope, receive, send)
            return
        begun: Message | None = None

        async def send_with_user(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                # Held back until the body is there: what is added to it changes its length.
                begun = message
                return
            if begun is not None:
                start, message = self._marked(begun, message, user)
                begun = None
                await send(start)
            await send(message)

        await self._app(scope, receive, send_with_user)

    def _marked(self, start: Message, message: Message, user: Identity) -> tuple[Message, Message]:
        # An author's hints about caching are replaced: "public" beside a person's data is a leak.
        ours = (b"mcp-user", b"cache-control")
        headers = [pair for pair in start["headers"] if pair[0].lower() not in ours]
        if _is_json(headers) and not message.get("more_body", False):
            body = self._with_user(message.get("body", b""), user)
            headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode("ascii")))
            message = {**message, "body": body}
        headers.append((b"mcp-user", quote(user.subject, safe="").encode("ascii")))
        headers.append((b"cache-control", b"private, no-store"))
        headers.append((b"vary", b"Authorization"))
        return {**start, "headers": headers}, message

    def _with_user(self, body: bytes, user: Identity) -> bytes:
        try:
            message = json.loads(body)
        except ValueError:
            return body
        if not isinstance(message, dict) or not isinstance(message.get("result"), dict):
            return body
        meta = message["result"].setdefault("_meta", {})
        meta[self._member] = self._context(user)
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _is_json(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"content-type" and value.partition(b";")[0].strip() == b"application/json"
        for name, value in headers
    )
