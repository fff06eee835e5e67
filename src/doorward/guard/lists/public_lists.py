"""Lists for callers without a token: they show what the policy lists, whatever comes."""

import json
from collections.abc import Callable
from typing import Any

from doorward.guard.http.responses import Response, deliver
from doorward.guard.lists.list_response import ListResponse, uncompressed
from doorward.guard.refusals import ListNotReadable
from doorward.policy import Operation
from doorward.policy.lists import only_permitted
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send
from doorward.wire.strict_json import NotStrictJson, parse


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
        response = ListResponse(self._message, send, lists_only=True)
        await self._app(uncompressed(scope), receive, response.send)
        if response.problem is not None:
            await deliver(self._refuse(response.problem), send, [])

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
