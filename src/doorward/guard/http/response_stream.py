"""The application's answer on its way out: readable by pages, written down, and over in time."""

import asyncio
from collections.abc import Awaitable, Callable

from doorward.guard.http.cors import Headers, without_cors
from doorward.guard.http.deadline import Deadline
from doorward.identity import Identity, reset_current_identity, set_current_identity
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send


class ResponseStream:
    """
    One answer of the application to ``caller``, which also gets the headers ``extra``.

    ``began`` is called once, when the answer begins or when it is known that none will come: with
    its status, and the id of the session it belongs to, if any. A stream that is still open
    ``leeway`` seconds after the caller's token expired by ``clock`` is ended: that token would not
    open it again.
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
        caller: Identity,
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
        # Whether the answer is a stream that goes on, and whose task it is.
        self._open = False
        self._task: asyncio.Task[object] | None = None
        self._deadline: Deadline | None = None

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Let the application answer, and end its stream when the token's time is over."""
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
            left = self._caller.expires_at + self._leeway - self._clock()
            self._deadline = Deadline(self._task, max(0.0, left))

    # Not a coroutine of its own round the one that sends: there are two messages in every answer.
    def _pass_on(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self._started = True
            headers = list(message.get("headers", ()))
            known = dict(headers)
            # Only a stream can outlive its token; what says its length needs no timer.
            if b"content-length" not in known:
                self._open = True
                self._limit()
            # The first is the correlation id; all that may follow is permission for one page.
            if len(self._extra) > 1:
                headers = without_cors(headers)
            message = {**message, "headers": headers + self._extra}
            self._began(message["status"], known.get(b"mcp-session-id"))
        elif self._open and not message.get("more_body"):
            # The answer is whole; what the application still does behind it is its own affair.
            self._open = False
            if self._deadline is not None:
                self._deadline.lift()
        return self._send(message)
