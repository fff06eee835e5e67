"""The application's answer on its way out: readable by pages, written down, and over in time."""

import asyncio
from collections.abc import Callable

from doorward.guard.answers import App, Message, Receive, Scope, Send
from doorward.guard.cors import Headers, without_cors


class Exchange:
    """
    One answer of the application.

    ``began`` is called once, when the answer begins or when it is known that none will come: with
    its status, and the id of the session it belongs to, if any. A stream that is still open after ``seconds_left`` is ended: it was opened with a
    token that would not open it again.
    """

    __slots__ = ("_began", "_extra", "_limit", "_own_cors", "_seconds_left", "_send", "_started")

    def __init__(
        self,
        send: Send,
        extra: Headers,
        began: Callable[[int, bytes | None], None],
        seconds_left: Callable[[], float],
    ) -> None:
        self._send = send
        self._extra = extra
        # The first is the correlation id; all that may follow is permission for one page.
        self._own_cors = len(extra) > 1
        self._began = began
        self._seconds_left = seconds_left
        self._started = False
        self._limit = asyncio.timeout(None)

    async def run(self, app: App, scope: Scope, receive: Receive) -> None:
        """Let the application answer, and end its stream when the token's time is over."""
        try:
            async with self._limit:
                await app(scope, receive, self._pass_on)
        except TimeoutError:
            if not self._limit.expired():
                raise
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if not self._started:
                self._began(500, None)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            headers = [*message.get("headers", ())]
            # Only a stream can outlive its token; what says its length needs no timer.
            known = dict(headers)
            if b"content-length" not in known:
                seconds = max(0.0, self._seconds_left())
                self._limit.reschedule(asyncio.get_running_loop().time() + seconds)
            if self._own_cors:
                headers = without_cors(headers)
            message = {**message, "headers": headers + self._extra}
            self._began(int(message["status"]), known.get(b"mcp-session-id"))
        elif not message.get("more_body") and self._limit.when() is not None:
            # The answer is whole; what the application still does behind it is its own affair.
            self._limit.reschedule(None)
        await self._send(message)
