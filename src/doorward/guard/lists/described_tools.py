"""Lists of tools that say what each tool needs, for clients that read it there."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from doorward.guard.http.request_headers import RequestHeaders
from doorward.guard.http.responses import Response, deliver
from doorward.guard.lists.public_lists import LONGEST, body_kind, uncompressed, with_length
from doorward.guard.refusals import ListNotReadable
from doorward.guard.scopes import needs_of
from doorward.policy import Operation, Policy
from doorward.policy.rules import OPEN_STREAM
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from doorward.wire.event_stream import EventRewriter

SCHEMES = "securitySchemes"
_Members = dict[str, Raw]

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(_Members).decode
_entries = msgspec.json.Decoder(list[Raw]).decode
_text = msgspec.json.Decoder(str).decode


def lists_tools(operation: Operation | None, headers: RequestHeaders) -> bool:
    """
    Return whether the answer to a request can have a list of tools.

    A client can fetch the rest of an interrupted stream, in which one is.
    """
    if operation is None:
        return False
    if operation.method == OPEN_STREAM.method:
        return b"last-event-id" in headers.by_name
    return operation.method == "tools/list"


def security_schemes(policy: Policy, tool: str) -> list[Mapping[str, Any]] | None:
    """
    Return what ``tool`` needs, or ``None`` if nobody may call it.

    The scopes are those of the challenge to a caller without them.

    Spec: OpenAI plugins, "Triggering authentication UI"; MCP SEP-1488
    """
    needs = needs_of(policy, Operation("tools/call", tool))
    if needs is None:
        return None
    if needs.public:
        return [{"type": "noauth"}]
    return [{"type": "oauth2", "scopes": sorted(needs.scopes)}]


class DescribedTools:
    """
    ``app``, in whose lists each tool says by ``policy`` what it needs.

    What the application itself says there is replaced. A body that is not JSON is passed on: no
    client reads a list in it. ``refuse`` answers for a list that is too long.
    """

    def __init__(
        self, app: ASGIApp, policy: Policy, refuse: Callable[[ListNotReadable], Response]
    ) -> None:
        self._app = app
        self._policy = policy
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = _DescribedAnswer(self._message, send)
        await self._app(uncompressed(scope), receive, answer.send)
        if answer.too_long:
            refusal = self._refuse(ListNotReadable(f"a list of more than {LONGEST} bytes"))
            # Without its end, no client takes a response that has begun for a complete one.
            if not answer.has_begun:
                await deliver(refusal, send, [])

    def _message(self, text: bytes) -> bytes:
        try:
            message = _members(text)
            result = _members(message["result"])
            tools = _entries(result["tools"])
        except (KeyError, msgspec.MsgspecError, UnicodeDecodeError):
            return text
        result["tools"] = Raw(_encode([self._described(one) for one in tools]))
        message["result"] = Raw(_encode(result))
        return _encode(message)

    def _described(self, entry: Raw) -> Raw:
        try:
            tool = _members(entry)
            name = _text(tool["name"])
        except (KeyError, msgspec.MsgspecError, UnicodeDecodeError):
            # No client takes it for a tool.
            return entry
        schemes = security_schemes(self._policy, name)
        meta = _members_of(tool.get("_meta"))
        for members in (tool, meta):
            members.pop(SCHEMES, None)
            if schemes is not None:
                members[SCHEMES] = Raw(_encode(schemes))
        if meta or "_meta" in tool:
            tool["_meta"] = Raw(_encode(meta))
        return Raw(_encode(tool))


def _members_of(value: Raw | None) -> _Members:
    try:
        return {} if value is None else _members(value)
    except msgspec.MsgspecError:
        return {}


class _DescribedAnswer:
    """One answer: events are passed on as they come, a JSON body when it is complete."""

    def __init__(self, change: Callable[[bytes], bytes], send: Send) -> None:
        self.has_begun = False
        self.too_long = False
        self._change = change
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()
        self._events: EventRewriter | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self.too_long or message["type"] != "http.response.body":
            return
        elif self._start is not None:
            await self._collect(self._start, message)
        elif self._events is not None:
            chunk = self._events.feed(message.get("body", b""))
            self.too_long = self._events.held > LONGEST
            await self._send({**message, "body": chunk})
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        kind = body_kind(message.get("headers", ()))
        if kind == b"application/json":
            self._start = message
            return
        if kind == b"text/event-stream":
            self._events = EventRewriter(self._change)
            message = with_length(message, None)
        self.has_begun = True
        await self._send(message)

    async def _collect(self, start: Message, message: Message) -> None:
        self._body += message.get("body", b"")
        self.too_long = len(self._body) > LONGEST
        if self.too_long or message.get("more_body"):
            return
        body = self._change(bytes(self._body))
        await self._send(with_length(start, len(body)))
        await self._send({"type": "http.response.body", "body": body})
