"""The calls of a session that have no answer yet, and how their client takes one back."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.streams.response_stream import ResponseStream, accepts_event_stream

T = TypeVar("T")


class RequestCancelled(Exception):
    """The client takes its request back: it gets no answer."""


@dataclass(eq=False)
class _Running:
    task: asyncio.Task[object]
    stopped: bool = False


class InFlight:
    """
    What runs for one client, by the ids that it gave its requests.

    One of these is kept for each session: ids are counted by clients, and "cancel request 3" must
    never reach the request 3 of somebody else.

    Spec: MCP 2025-11-25, basic/utilities/cancellation
    """

    def __init__(self) -> None:
        self._running: dict[str | int, _Running] = {}

    async def run(self, request_id: str | int, work: Awaitable[T]) -> T:
        """
        Return what ``work`` returns, unless ``stop`` is called first: then it is cancelled.

        Raises:
            Stopped: the client does not want it any more, whatever came out of it meanwhile.
        """
        task = asyncio.current_task()
        assert task is not None
        running = _Running(task)
        # An id that is used twice at once means the first: the second cannot hide it from a stop.
        first = self._running.setdefault(request_id, running)
        try:
            result = await work
        except BaseException:
            if running.stopped and not task.uncancel():
                raise RequestCancelled from None
            raise
        finally:
            if first is running:
                del self._running[request_id]
        if running.stopped:
            # It would not be cancelled, and still nobody waits for what it returned.
            task.uncancel()
            raise RequestCancelled
        return result

    def stop(self, request_id: object) -> None:
        """Stop the request, if it is one that is under way; whatever else is named is ignored."""
        # By its type too: 1, 1.0 and true are one key to a dict, and three things to a client.
        running = self._running.get(request_id) if type(request_id) in (str, int) else None  # type: ignore[call-overload]
        # Once only: a second cancellation would interrupt what cleans up after the first.
        if running is not None and not running.stopped:
            running.stopped = True
            running.task.cancel()


async def end_without_response(request: RequestContext) -> None:
    """
    End the HTTP exchange of a call that was stopped: with a stream that holds no response.

    Spec: MCP 2025-11-25, basic/utilities/cancellation, "Behavior Requirements"
    """
    if request.stream is None and not accepts_event_stream(request.headers):
        await request.send({"type": "http.response.start", "status": 202, "headers": []})
        await request.send({"type": "http.response.body", "body": b""})
        return
    stream = request.stream or await ResponseStream.begin(request.send, None)
    await stream.abandon()
