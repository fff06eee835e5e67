"""Writes audit events to standard output, as lines of JSON."""

import asyncio
import atexit
import os
import sys

import msgspec

# In a fixed order, so that equal events are equal lines.
_encode_lines = msgspec.json.Encoder(order="deterministic").encode_lines


class AuditLines:
    """
    A buffer of events, written at the end of the event loop's turn in which they came.

    A busy server serves many requests in one turn, and one write per event would cost it more than
    the decision. Without a running loop, and at the end of the process, events are written at once.
    """

    def __init__(self) -> None:
        self._waiting: list[msgspec.Struct] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, event: msgspec.Struct) -> None:
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
        """Write all buffered events in one piece."""
        self._loop = None
        events, self._waiting = self._waiting, []
        if not events:
            return
        text = _encode_lines(events)
        # As UTF-8, whatever the terminal's encoding.
        binary = getattr(sys.stdout, "buffer", None)
        if binary is not None:
            binary.write(text)
            binary.flush()
        elif sys.stdout is not None:
            sys.stdout.write(text.decode())

    def forget(self) -> None:
        """Drop the buffered events; the process where they happened writes them."""
        self._loop = None
        self._waiting = []


LINES = AuditLines()
atexit.register(LINES.flush)
if hasattr(os, "register_at_fork"):
    # A worker that is forked in the middle of a turn would write every event a second time.
    os.register_at_fork(after_in_child=LINES.forget)
