"""Lists of tools that say what each tool needs, for clients that read it there."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from doorward.guard.http.request_headers import RequestHeaders
from doorward.guard.http.responses import Response, deliver
from doorward.guard.lists.list_response import ListResponse, uncompressed
from doorward.guard.refusals import ListNotReadable
from doorward.guard.scopes import needs_of
from doorward.policy import Operation, Policy
from doorward.policy.rules import OPEN_STREAM
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send

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
    client reads a list in it. ``refuse`` answers for a list that cannot be read.
    """

    def __init__(
        self, app: ASGIApp, policy: Policy, refuse: Callable[[ListNotReadable], Response]
    ) -> None:
        self._app = app
        self._policy = policy
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = ListResponse(self._message, send)
        await self._app(uncompressed(scope), receive, response.send)
        if response.problem is not None:
            refusal = self._refuse(response.problem)
            # Without its end, no client takes a response that has begun for a complete one.
            if not response.has_begun:
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
