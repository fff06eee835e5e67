"""Files and folders that only the current account can read or change."""

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
    """Other accounts can read or change the file; ``mode`` is its mode in four octal digits."""

    def __init__(self, mode: int) -> None:
        super().__init__(f"mode {mode:04o}")
        self.mode = f"{mode:04o}"


class ExposedFolder(Exception):
    """
    Other accounts can change the contents of a folder, or replace the folder.

    ``path`` is the folder or link that they can change. ``mode`` is ``None`` if one of them owns it.
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
    Return the content of the file at ``path``, at most the first ``most`` bytes.

    Without ``through_links`` it must be a regular file. Otherwise it may be a pipe: shells use one to
    pass a secret without storing it. The group may read a file of root's: Kubernetes and systemd
    give secrets to a service in this way.

    Raises:
        Exposed: other accounts can read or change it.
        OSError: it cannot be read, or must be a regular file and is not.
    """
    # Opening a pipe blocks until its other end is opened, which may never happen.
    further = 0 if through_links else getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | further)) as file:
        # Checks the open file, not its path: another file may have taken the path by now.
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if os.name == "posix" and not is_private(mode, owner=found.st_uid, account=os.geteuid()):
            raise Exposed(mode)
        if not (through_links or stat.S_ISREG(found.st_mode)):
            raise OSError(None, "it is not a regular file")
        # In pieces: ``read`` allocates memory for the most that it could read.
        return file.read() if most < 0 else b"".join(_pieces(file, most))


def is_private(mode: int, *, owner: int, account: int) -> bool:
    """Say whether a file with this mode and owner is for ``account`` alone, or for those root chose."""
    # Only root can have chosen the group of its file. An account can be in groups that others share.
    readable_by_group = stat.S_IRGRP if owner == 0 != account else 0
    return not mode & 0o077 & ~readable_by_group


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
    Replace the file at ``path`` atomically with ``content``; a link is replaced, not followed.

    A temporary file in the same folder, whose name begins with ``prefix``, holds it until then.
    ``prepare`` gets its descriptor before anything is written. ``left_by_writers`` finds the file that
    a killed process left.

    Raises:
        OSError: it cannot be written.
    """
    # mkstemp creates the file with mode 0600. The rename is atomic, so a reader never sees half a file
    # and a crash loses nothing.
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
    Return the temporary files of ``replace_private``: in use, or left by a killed process.

    To remove them, hold the lock under which they are written.

    Raises:
        OSError: the folder cannot be read.
    """
    # The names that mkstemp creates; other files belong to other programs.
    ours = re.compile(re.escape(prefix) + r"[a-z0-9_]{8}")
    with os.scandir(directory) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def create_private_folder(folder: Path) -> None:
    """
    Create ``folder`` and its missing parents, accessible only by this account.

    Does not look at folders that exist: see ``require_private_folder``.

    Raises:
        OSError: it cannot be created.
    """
    # One by one: ``mkdir(parents=True)`` creates the parents with the mode of the umask.
    for each in reversed((folder, *folder.parents)):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def require_private_folder(path: Path) -> None:
    """
    Return if only this account can change the contents of the folder at ``path``.

    This account must own it, and no other account may write to it or replace it. Every folder and link
    on the way must belong to this account or to root. Those that others can write to must have the
    sticky bit, as ``/tmp`` has. A group with this account's name counts as this account.

    Raises:
        ExposedFolder: another account can change or replace it.
        OSError: it cannot be inspected.
    """
    if os.name != "posix":
        return
    place, found = Path("/"), os.lstat("/")
    for step in _steps_to(path):
        if not stat.S_ISLNK(found.st_mode):
            _require_fixed(place, found)
        place, found = step, os.lstat(step)
        # In a sticky folder, any account can create a link that nobody else can remove.
        if found.st_uid not in (0, os.geteuid()):
            raise ExposedFolder(place)
    if found.st_uid != os.geteuid():
        raise ExposedFolder(place)
    if found.st_mode & _OTHERS_WRITE:
        raise ExposedFolder(place, found.st_mode)


def _steps_to(path: Path) -> Iterator[Path]:
    """Yield each folder and link on the way to ``path``, and the folder itself."""
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
    """Return if no other account can replace the contents of the folder ``place``."""
    writable = found.st_mode & _OTHERS_WRITE
    if writable == stat.S_IWGRP and _is_own_group(found.st_gid):
        return
    if writable and not found.st_mode & stat.S_ISVTX:
        raise ExposedFolder(place, found.st_mode)


def _is_own_group(group_id: int) -> bool:
    # With a umask of 002, as on Fedora, such a group can write to every folder.
    import grp
    import pwd

    try:
        name, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(group_id)
    except KeyError:
        return False
    return group.gr_name == name and set(group.gr_mem) <= {name}
