"""Lets clients see and call only tools whose definition is bounded, unique and accepted."""

import json
from collections.abc import Callable
from typing import Any

from doorward.correlation_id import SCOPE_KEY as CORRELATION_KEY
from doorward.gateway.refusals import ToolNotAccepted, UpstreamBroken
from doorward.gateway.tools.definitions import unusable
from doorward.gateway.tools.pins import ToolPins
from doorward.guard.lists.list_response import ListResponse, uncompressed
from doorward.guard.refusals import ListNotReadable
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send
from doorward.wire.error_response import jsonrpc_body
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope
from doorward.wire.strict_json import NotStrictJson, parse

# Gets the name of a tool and the reason, each time the reason changes.
ToolRefused = Callable[[str, str], None]
_MOST_NAMES = 10_000


class AcceptedTools:
    """
    ``app`` behind a guard, without the tools that nobody may see.

    With ``pins``, a tool must be accepted: a changed one is left out of lists, and calls of it are
    refused. The last list in which a tool was decides. ``refused`` is told of each tool.

    Spec: MCP 2026-07-28 server/tools, "Security Considerations"
    """

    def __init__(
        self, app: ASGIApp, pins: ToolPins | None, refused: ToolRefused = lambda _name, _why: None
    ) -> None:
        self.is_remote = getattr(app, "is_remote", False)
        self.reasons: dict[str, str] = {}
        self._app = app
        self._pins = pins
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        envelope = scope.get(ENVELOPE_KEY)
        method = envelope.method if isinstance(envelope, Envelope) else None
        called = envelope.name if isinstance(envelope, Envelope) else None
        if method == "tools/call" and (why := self._reason(called)) is not None:
            await _answer(ToolNotAccepted(f"{called!r}: {why}"), scope, send)
        elif method == "tools/list" or (scope["type"] == "http" and scope["method"] == "GET"):
            # A client can fetch the rest of an interrupted stream with GET.
            response = ListResponse(self._message, send)
            await self._app(uncompressed(scope), receive, response.send)
            # Without its end, no client takes a response that has begun for a complete one.
            if response.problem is not None and not response.has_begun:
                await _answer(UpstreamBroken(response.problem.detail), scope, send)
        else:
            await self._app(scope, receive, send)

    def _reason(self, name: str | None) -> str | None:
        if name is None:
            return None
        if self._pins is not None and name not in self._pins.tools:
            return "not-accepted"
        return self.reasons.get(name)

    def _message(self, text: bytes) -> bytes:
        """
        Return a message without tools that nobody may see.

        Raises:
            ListNotReadable: other readers could find other tools in it.
        """
        try:
            message = parse(text)
        except NotStrictJson as error:
            if b"tools" not in text:
                return text
            raise ListNotReadable(f"a list of tools that is ambiguous: {error}") from None
        several = message if isinstance(message, list) else [message]
        changed = [self._changed(one) for one in several]
        if all(after is before for after, before in zip(changed, several, strict=True)):
            return text
        shown = changed if isinstance(message, list) else changed[0]
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()

    def _changed(self, message: Any) -> Any:
        result = message.get("result") if isinstance(message, dict) else None
        if not isinstance(result, dict) or not isinstance(tools := result.get("tools"), list):
            return message
        kept = self._kept(tools)
        if len(kept) == len(tools):
            return message
        return {**message, "result": {**result, "tools": kept}}

    def _kept(self, tools: list[Any]) -> list[Any]:
        problems = unusable(tools)
        kept = []
        for one in tools:
            name = one.get("name") if isinstance(one, dict) else None
            if not isinstance(name, str):
                continue  # No client takes it for a tool.
            why = problems.get(name)
            if why is None and self._pins is not None and not self._pins.accepts(one):
                why = "changed" if name in self._pins.tools else "not-accepted"
            self._note(name, why)
            if why is None:
                kept.append(one)
        return kept

    def _note(self, name: str, why: str | None) -> None:
        if why is None:
            self.reasons.pop(name, None)
        elif self.reasons.get(name) != why:
            # The server chooses the names, and must not fill the memory with them.
            if len(self.reasons) < _MOST_NAMES:
                self.reasons[name] = why
            self._refused(name, why)


async def _answer(refusal: ToolNotAccepted | UpstreamBroken, scope: Scope, send: Send) -> None:
    envelope = scope.get(ENVELOPE_KEY)
    request_id = envelope.id if isinstance(envelope, Envelope) else None
    correlation_id = scope.get(CORRELATION_KEY, "")
    body = jsonrpc_body(refusal, correlation_id=correlation_id, request_id=request_id)
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
