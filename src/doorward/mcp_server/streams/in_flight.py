"""The requests of a session that have no response yet, and their cancellation."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class RequestCancelled(Exception):
    """The client cancelled its request, which gets no response."""


@dataclass(eq=False)
class _Running:
    task: asyncio.Task[object]
    cancelled: bool = False


class InFlight:
    """
    The running requests of one session, by the ids that the client gave them.

    Each session has its own: clients count their requests, and "cancel request 3" of one client
    must never reach request 3 of another.

    Spec: MCP 2025-11-25, basic/utilities/cancellation
    """

    def __init__(self) -> None:
        self._running: dict[str | int, _Running] = {}

    async def run(self, request_id: str | int, work: Awaitable[T]) -> T:
        """
        Return what ``work`` returns, unless ``cancel`` is called first.

        Raises:
            RequestCancelled: the client cancelled the request, even if ``work`` returned.
        """
        task = asyncio.current_task()
        assert task is not None
        running = _Running(task)
        # Of two requests with one id, the first counts: the second cannot shield it from a cancel.
        first = self._running.setdefault(request_id, running)
        try:
            result = await work
        except BaseException:
            if running.cancelled and not task.uncancel():
                raise RequestCancelled from None
            raise
        finally:
            if first is running:
                del self._running[request_id]
        if running.cancelled:
            # The work suppressed its cancellation; its result is not wanted.
            task.uncancel()
            raise RequestCancelled
        return result

    def cancel(self, request_id: object) -> None:
        """Cancel the request with this id; unknown ids are ignored."""
        # The type counts: 1, 1.0 and true are one key to a dict, and three ids to a client.
        running = self._running.get(request_id) if type(request_id) in (str, int) else None  # type: ignore[call-overload]
        # Only once: a second cancellation would interrupt the cleanup after the first.
        if running is not None and not running.cancelled:
            running.cancelled = True
            running.task.cancel()
