"""Time as an argument, so that no test waits for it."""

from collections.abc import Callable

# Seconds since 1970, as ``time.time`` gives them.
Clock = Callable[[], float]
