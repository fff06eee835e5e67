"""Files and folders that belong to one account of this machine, and that no other may change."""

import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_MOST_LINKS = 40
_PIECE = 64 * 1024
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Exposed(Exception):
    """Other accounts may read or change the file; ``mode`` says in four octal digits who."""

    def __init__(self, mode: int) -> None:
        super().__init__(f"mode {mode:04o}")
        self.mode = f"{mode:04o}"


class ExposedFolder(Exception):
    """
    Other accounts may change what is in a folder, or put another one in its place.

    ``path`` is the folder or link that they can change. ``mode`` is ``None`` where it belongs to
    one of them.
    """

    def __init__(self, path: Path, mode: int | None = None) -> None:
        why = "belongs to another user"
        if mode is not None:
            why = f"can be changed by other users (mode {stat.S_IMODE(mode):04o})"
        super().__init__(f"{path} {why}")
        self.path = path
        self.mode = mode


def read_private(path: Path, *, most: int = -1, through_links: bool = True) -> bytes:
    """
    Return what the file at ``path`` holds, and of a longer one the first ``most`` bytes.

    Without ``through_links`` it must be a regular file. Else it may be a pipe, which is how shells
    hand over a secret that is on no disk.

    Raises:
        Exposed: other accounts may read or change it.
        OSError: it cannot be read, or is something else than a regular file where it must be one.
    """
    # Opening a pipe waits for its other end, and nobody may ever open that.
    further = 0 if through_links else getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | further)) as file:
        # Of the file that is read, and not of what bears its name: that may be another one by now.
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if os.name == "posix" and mode & 0o077:
            raise Exposed(mode)
        if not (through_links or stat.S_ISREG(found.st_mode)):
            raise OSError(None, "it is not a regular file")
        # Piece by piece: ``read`` takes memory for all that it may read.
        return file.read() if most < 0 else b"".join(_pieces(file, most))


def _pieces(file: BinaryIO, most: int) -> Iterator[bytes]:
    while most and (piece := file.read(min(most, _PIECE))):
        most -= len(piece)
        yield piece


def replace_private(
    path: Path,
    content: bytes,
    *,
    prefix: str,
    mode: int = 0o600,
    prepare: Callable[[int], None] | None = None,
) -> None:
    """
    Put ``content`` in the place of what is at ``path``, at once or not at all; links are replaced.

    Until then it is in a file beside it whose name begins with ``prefix``. ``prepare`` is given its
    descriptor before anything is written. ``left_by_writers`` finds what a killed process left.

    Raises:
        OSError: it cannot be written.
    """
    # mkstemp makes the file 0600 from its first moment. The rename is seen whole or not at all, so
    # a reader never meets half a file and a crash loses nothing.
    descriptor, temporary = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if prepare is not None:
                prepare(file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:
            Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def left_by_writers(directory: Path, prefix: str) -> list[Path]:
    """
    Return the files that ``replace_private`` has under way, or left when its process was killed.

    Whoever removes them holds the lock under which they are written.

    Raises:
        OSError: the folder cannot be read.
    """
    # The names that mkstemp makes; anything else is somebody else's.
    ours = re.compile(re.escape(prefix) + r"[a-z0-9_]{8}")
    with os.scandir(directory) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def require_private_folder(path: Path) -> None:
    """
    Return when this account alone can change what is in the folder at ``path``.

    It belongs to this account, and nobody else can write to it or put another in its place: every
    folder and link on the way belongs to this account or to root, and those that others can write
    to have the sticky bit, as ``/tmp`` has. A group that has this account's name is its own.

    Raises:
        ExposedFolder: another account can change or replace it.
        OSError: it cannot be looked at.
    """
    if os.name != "posix":
        return
    place, found = Path("/"), os.lstat("/")
    for step in _steps_to(path):
        if not stat.S_ISLNK(found.st_mode):
            _require_fixed(place, found)
        place, found = step, os.lstat(step)
        # A link in a sticky folder stays where its maker put it, and its maker may be anybody.
        if found.st_uid not in (0, os.geteuid()):
            raise ExposedFolder(place)
    if found.st_uid != os.geteuid():
        raise ExposedFolder(place)
    if found.st_mode & _OTHERS_WRITE:
        raise ExposedFolder(place, found.st_mode)


def _steps_to(path: Path) -> Iterator[Path]:
    """Yield each folder and link that is passed on the way to ``path``, and the folder itself."""
    place, links = Path("/"), 0
    ahead = list(reversed(path.absolute().parts[1:]))
    while ahead:
        name = ahead.pop()
        if name == "..":
            place = place.parent
            yield place
            continue
        yield (step := place / name)
        if not step.is_symlink():
            place = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(None, "it is a link to itself")
        target = step.readlink()
        place = Path("/") if target.is_absolute() else place
        ahead.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))


def _require_fixed(place: Path, found: os.stat_result) -> None:
    """Return when nobody else can replace what is in the folder ``place``."""
    writable = found.st_mode & _OTHERS_WRITE
    if writable == stat.S_IWGRP and _is_own_group(found.st_gid):
        return
    if writable and not found.st_mode & stat.S_ISVTX:
        raise ExposedFolder(place, found.st_mode)


def _is_own_group(group_id: int) -> bool:
    # With a umask of 002, as Fedora and others set it, all folders are open to such a group.
    import grp
    import pwd

    try:
        name, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(group_id)
    except KeyError:
        return False
    return group.gr_name == name and set(group.gr_mem) <= {name}
