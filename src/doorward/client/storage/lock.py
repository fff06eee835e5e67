"""File locks between processes; the operating system releases them when a process ends."""

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio

from doorward.client.refusals import Unreachable
from doorward.errors import ConfigurationError

_PAUSE = 0.01
_MAX_WAIT = 30.0


@asynccontextmanager
async def async_lock(path: Path, max_wait: float = _MAX_WAIT) -> AsyncIterator[None]:
    """
    Hold the lock file at ``path`` during the block; ``max_wait`` is in seconds.

    Two processes that use one refresh token at once look like a theft, and the authorization server
    revokes the tokens of both.

    Raises:
        Unreachable: with reason ``locked``.
        ConfigurationError: with reason ``unwritable-store``.
    """
    with _open_lock_file(path) as descriptor:
        with anyio.move_on_after(max_wait) as scope:
            # File locks have no notification; the holder needs a second at most.
            while not _acquire(path, descriptor):  # noqa: ASYNC110
                await anyio.sleep(_PAUSE)
        if scope.cancelled_caught:
            raise _locked(path, max_wait)
        yield


@contextmanager
def blocking_lock(path: Path) -> Iterator[None]:
    """
    Hold the lock file at ``path`` during the block, for milliseconds.

    Without it, one of two concurrent writes would be lost. Blocks the thread, so do not call it in
    an event loop.

    Raises:
        Unreachable: with reason ``locked``.
        ConfigurationError: with reason ``unwritable-store``.
    """
    with _open_lock_file(path) as descriptor:
        for _ in range(int(_MAX_WAIT / _PAUSE)):
            if _acquire(path, descriptor):
                break
            time.sleep(_PAUSE)
        else:
            raise _locked(path, _MAX_WAIT)
        yield


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """
    Try to lock the file at ``path``; yield whether it is locked by this block.

    Raises:
        ConfigurationError: with reason ``unwritable-store``.
    """
    with _open_lock_file(path) as descriptor:
        yield _acquire(path, descriptor)


@contextmanager
def _open_lock_file(path: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        yield descriptor
    finally:
        # The file stays: a waiting process could otherwise lock a deleted file.
        _unlock(descriptor)
        os.close(descriptor)


def _acquire(path: Path, descriptor: int) -> bool:
    try:
        return _try_lock(descriptor)
    except OSError as error:
        raise _unusable(path, error) from error


def _locked(path: Path, max_wait: float) -> Unreachable:
    return Unreachable(
        "locked",
        f"Another process has locked {path} for {max_wait:g} seconds.",
        "Wait until its sign-in is finished, or stop that process.",
    )


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        "unwritable-store",
        f"Cannot lock {path}: {error.strerror}.",
        "Set DOORWARD_HOME to a writable folder on a file system with locks.",
    )


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        """Do nothing: closing the file releases the lock."""

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        # Closing releases the lock only if no forked process has a copy of the descriptor.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
