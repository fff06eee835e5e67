"""Audit events that wait for the end of the event loop's turn, to be written in one piece."""

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

E = TypeVar("E")


class EventBuffer(ABC, Generic[E]):
    """
    A buffer of events, written at the end of the event loop's turn in which they came.

    A busy server serves many requests in one turn, and one write per event would cost it more than
    the decision. Without a running loop, events are written at once.
    """

    def __init__(self) -> None:
        self._waiting: list[E] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    @abstractmethod
    def _write(self, events: list[E]) -> None:
        """Write these events, at least one, in one piece."""

    def add(self, event: E) -> None:
        """Write ``event`` before the loop waits for anything else."""
        self._waiting.append(event)
        # A write is scheduled already, unless its loop was stopped before.
        if self._loop is not None and self._loop.is_running():
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write all buffered events."""
        self._loop = None
        events, self._waiting = self._waiting, []
        if events:
            self._write(events)

    def forget(self) -> None:
        """Drop the buffered events; the process where they happened writes them."""
        self._loop = None
        self._waiting = []
