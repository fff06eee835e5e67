"""The application's response: with CORS headers, audited, and ended when the token expires."""

import asyncio
from collections.abc import Awaitable, Callable

from doorward.guard.http.cors import Headers, without_cors
from doorward.guard.http.deadline import Deadline
from doorward.identity import Identity, reset_current_identity, set_current_identity
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send

_STRANGERS_STREAM = 600.0


class ResponseStream:
    """
    One response of the application to ``caller``, with the headers ``extra`` added.

    ``began`` is called once with the status and the session id, if any: when the response begins,
    or when it is known that none will come. A stream that is open ``leeway`` seconds after the
    caller's token expired by ``clock`` is ended: that token could not open it again. A stream of a
    caller without a token is ended after ten minutes.
    """

    __slots__ = (
        "_began",
        "_caller",
        "_clock",
        "_deadline",
        "_extra",
        "_leeway",
        "_open",
        "_send",
        "_started",
        "_task",
    )

    def __init__(
        self,
        send: Send,
        extra: Headers,
        began: Callable[[int, bytes | None], None],
        caller: Identity | None,
        leeway: float,
        clock: Callable[[], float],
    ) -> None:
        self._send = send
        self._extra = extra
        self._began = began
        self._caller = caller
        self._leeway = leeway
        self._clock = clock
        self._started = False
        # Whether the response is an open stream, and its task.
        self._open = False
        self._task: asyncio.Task[object] | None = None
        self._deadline: Deadline | None = None

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Run the application, and end its stream when the token expires."""
        # Here and not where the stream begins: an application may send it from a task of its own.
        self._task = asyncio.current_task()
        before = set_current_identity(self._caller)
        try:
            await app(scope, receive, self._pass_on)
        except asyncio.CancelledError:
            if self._deadline is None or not self._deadline.ended_it():
                raise
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            reset_current_identity(before)
            if self._deadline is not None:
                self._deadline.close()
            if not self._started:
                self._began(500, None)

    def _limit(self) -> None:
        if self._task is not None:
            caller, left = self._caller, _STRANGERS_STREAM
            if caller is not None:
                left = caller.expires_at + self._leeway - self._clock()
            self._deadline = Deadline(self._task, max(0.0, left))

    # Returns the awaitable of send: a coroutine of its own would cost twice per response.
    def _pass_on(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self._started = True
            headers = list(message.get("headers", ()))
            known = dict(headers)
            # Only a stream can outlive its token; a response with a length needs no timer.
            if b"content-length" not in known:
                self._open = True
                self._limit()
            # The first is the correlation id; the others are CORS headers.
            if len(self._extra) > 1:
                headers = without_cors(headers)
            message = {**message, "headers": headers + self._extra}
            self._began(message["status"], known.get(b"mcp-session-id"))
        elif self._open and not message.get("more_body"):
            # The response is complete; what the application does after it is not limited.
            self._open = False
            if self._deadline is not None:
                self._deadline.lift()
        return self._send(message)
