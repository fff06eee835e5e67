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

# The longest list that is filtered: it is read as a whole.
_LONGEST = 16 * 1024 * 1024


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
        # A compressed list cannot be read here.
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        start: Message | None = None
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b"")[: _LONGEST + 1 - len(body)])

        await self._app({**scope, "headers": headers}, receive, collect)
        if start is None:
            return
        try:
            filtered = self._filtered(list(start.get("headers", ())), bytes(body))
        except ListNotReadable as problem:
            await deliver(self._refuse(problem), send, [])
            return
        length = (b"content-length", b"%d" % len(filtered))
        kept = [pair for pair in start.get("headers", ()) if pair[0].lower() != b"content-length"]
        await send({**start, "headers": [*kept, length]})
        await send({"type": "http.response.body", "body": filtered})

    def _filtered(self, headers: Headers, body: bytes) -> bytes:
        known = {name.lower(): value for name, value in headers}
        if known.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise ListNotReadable("a compressed list")
        if len(body) > _LONGEST:
            raise ListNotReadable(f"a list of more than {_LONGEST} bytes")
        kind = known.get(b"content-type", b"").partition(b";")[0].strip().lower()
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
