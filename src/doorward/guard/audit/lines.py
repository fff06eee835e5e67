"""Audit events on their way to standard output, as lines of JSON."""

import asyncio
import atexit
import os
import sys

import msgspec

# In a fixed order, so that equal events are equal lines.
_encode_lines = msgspec.json.Encoder(order="deterministic").encode_lines


class AuditLines:
    """
    Events that go out together, at the end of the event loop's turn in which they came.

    A write each costs a busy server more than to decide: it serves many requests in one turn.
    Where no loop runs, and at the end of the process, nothing waits.
    """

    def __init__(self) -> None:
        self._waiting: list[msgspec.Struct] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, event: msgspec.Struct) -> None:
        """Write ``event`` before the loop waits for anything else."""
        self._waiting.append(event)
        # A write is under way already. Unless its loop was stopped before it came to that.
        if self._loop is not None and self._loop.is_running():
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, in one piece, and out of this process."""
        self._loop = None
        events, self._waiting = self._waiting, []
        if not events:
            return
        text = _encode_lines(events)
        # As UTF-8 whatever the terminal speaks.
        binary = getattr(sys.stdout, "buffer", None)
        if binary is not None:
            binary.write(text)
            binary.flush()
        elif sys.stdout is not None:
            sys.stdout.write(text.decode())

    def forget(self) -> None:
        """Leave what waits to the process that it happened in."""
        self._loop = None
        self._waiting = []


LINES = AuditLines()
atexit.register(LINES.flush)
if hasattr(os, "register_at_fork"):
    # A worker that is forked in the middle of a turn would write everything a second time.
    os.register_at_fork(after_in_child=LINES.forget)
