"""One process at a time: a lock that the operating system lets go of when its holder dies."""

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio

from doorward.client.refusals import Unreachable

_PAUSE = 0.01
_LONGEST_WAIT = 30.0


@asynccontextmanager
async def exclusive(path: Path, longest_wait: float = _LONGEST_WAIT) -> AsyncIterator[None]:
    """
    Hold the lock file at ``path`` for the length of the block; ``longest_wait`` is in seconds.

    Two processes that spend one refresh token at once look like a thief and a victim, and the
    authorization server takes the tokens from both.

    Raises:
        Unreachable: with reason ``locked``.
    """
    descriptor = _open(path)
    try:
        with anyio.move_on_after(longest_wait) as scope:
            # Nobody can notify across processes; the holder needs a second at most.
            while not _try_lock(descriptor):  # noqa: ASYNC110
                await anyio.sleep(_PAUSE)
        if scope.cancelled_caught:
            raise _locked(path, longest_wait)
        yield
    finally:
        # Closing is letting go. The file stays: removing it would let a waiter lock a ghost.
        os.close(descriptor)


@contextmanager
def briefly(path: Path) -> Iterator[None]:
    """
    Hold the lock file at ``path`` while a file is rewritten, which takes milliseconds.

    Without it, two processes that each keep a record would keep one of the two.
    """
    descriptor = _open(path)
    try:
        for _ in range(int(_LONGEST_WAIT / 0.01)):
            if _try_lock(descriptor):
                break
            time.sleep(0.01)
        else:
            raise _locked(path, _LONGEST_WAIT)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def _locked(path: Path, longest_wait: float) -> Unreachable:
    return Unreachable(
        "locked",
        f"Another process has held {path} for {longest_wait:g} seconds.",
        "Wait for it to finish its sign-in, or end it.",
    )


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
