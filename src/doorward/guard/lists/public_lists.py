"""Lists for callers without a token: they show what is public, whatever the application sends."""

import json
from collections.abc import Callable
from typing import Any

from doorward.guard.http.cors import Headers
from doorward.guard.http.responses import Response, deliver
from doorward.guard.refusals import ListNotReadable
from doorward.policy import Operation
from doorward.policy.lists import only_permitted
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from doorward.wire.event_stream import EventRewriter
from doorward.wire.strict_json import NotStrictJson, parse

LONGEST = 16 * 1024 * 1024
"""The most bytes of a list that is changed: it is read as a whole."""


def uncompressed(scope: Scope) -> Scope:
    """Return ``scope`` of a request that asks for an answer which can be read here."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
    return {**scope, "headers": headers}


def body_kind(headers: Headers) -> bytes | None:
    """Return the media type of a body without its parameters; ``None`` if it is compressed."""
    known = {name.lower(): value for name, value in headers}
    if known.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        return None
    return known.get(b"content-type", b"").partition(b";")[0].strip().lower()


def with_length(start: Message, length: int | None) -> Message:
    """Return the start of an answer whose body has another length, or an unknown one."""
    kept = [pair for pair in start.get("headers", ()) if pair[0].lower() != b"content-length"]
    if length is not None:
        kept.append((b"content-length", b"%d" % length))
    return {**start, "headers": kept}


class PublicLists:
    """
    ``app``, whose answer to ``method`` shows only the entries that ``permits`` admits.

    An application that knows nothing of a policy lists all of its tools. An answer that cannot be
    read is not sent: ``refuse`` returns what is sent instead.
    """

    def __init__(
        self,
        app: ASGIApp,
        method: str,
        permits: Callable[[Operation], bool],
        refuse: Callable[[ListNotReadable], Response],
    ) -> None:
        self._app = app
        self._method = method
        self._permits = permits
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        start: Message | None = None
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b"")[: LONGEST + 1 - len(body)])

        await self._app(uncompressed(scope), receive, collect)
        if start is None:
            return
        try:
            filtered = self._filtered(list(start.get("headers", ())), bytes(body))
        except ListNotReadable as problem:
            await deliver(self._refuse(problem), send, [])
            return
        await send(with_length(start, len(filtered)))
        await send({"type": "http.response.body", "body": filtered})

    def _filtered(self, headers: Headers, body: bytes) -> bytes:
        kind = body_kind(headers)
        if kind is None:
            raise ListNotReadable("a compressed list")
        if len(body) > LONGEST:
            raise ListNotReadable(f"a list of more than {LONGEST} bytes")
        if not body:
            return body
        if kind == b"application/json":
            return self._message(body)
        if kind == b"text/event-stream":
            return EventRewriter(self._message).feed(body)
        raise ListNotReadable(f"a list as {kind[:80]!r}")

    def _message(self, body: bytes) -> bytes:
        try:
            message: Any = parse(body)
        except NotStrictJson:
            raise ListNotReadable("a list that is not JSON") from None
        # Clients read one message, not several in an array.
        if not isinstance(message, dict):
            raise ListNotReadable("a list in an array")
        result = message.get("result")
        if isinstance(result, dict):
            message["result"] = only_permitted(self._method, result, self._permits)
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
