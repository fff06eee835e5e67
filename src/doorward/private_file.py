"""A file that belongs to one account of this machine, and that no other may read or change."""

import os
import stat
from pathlib import Path


class Exposed(Exception):
    """Other accounts may read or change the file; ``mode`` says in four octal digits who."""

    def __init__(self, mode: int) -> None:
        super().__init__(f"mode {mode:04o}")
        self.mode = f"{mode:04o}"


def read_private(path: Path, *, most: int = -1, through_links: bool = True) -> bytes:
    """
    Return what the file at ``path`` holds, and of a longer one the first ``most`` bytes.

    Raises:
        Exposed: other accounts may read or change it.
        OSError: it cannot be read, or is a link where none may be followed.
    """
    further = 0 if through_links else getattr(os, "O_NOFOLLOW", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | further)) as file:
        # Of the file that is read, and not of what bears its name: that may be another one by now.
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise Exposed(mode)
        return file.read(most)
