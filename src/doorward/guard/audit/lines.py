"""Writes audit events to standard output, as lines of JSON."""

import atexit
import os
import sys

import msgspec

from doorward.event_buffer import EventBuffer

# In a fixed order, so that equal events are equal lines.
_encode_lines = msgspec.json.Encoder(order="deterministic").encode_lines


class AuditLines(EventBuffer[msgspec.Struct]):
    """The events that go to standard output; also written at the end of the process."""

    def _write(self, events: list[msgspec.Struct]) -> None:
        text = _encode_lines(events)
        # As UTF-8, whatever the terminal's encoding.
        binary = getattr(sys.stdout, "buffer", None)
        if binary is not None:
            binary.write(text)
            binary.flush()
        elif sys.stdout is not None:
            sys.stdout.write(text.decode())


LINES = AuditLines()
atexit.register(LINES.flush)
if hasattr(os, "register_at_fork"):
    # A worker that is forked in the middle of a turn would write every event a second time.
    os.register_at_fork(after_in_child=LINES.forget)
