"""Files of the repository inside of pages: never typed, always as they are.

In a page a comment names the file, and the fenced block under it is written anew from it:
``<!-- include: examples/protect_fastapi.py -->``.
"""

import re
from pathlib import Path

INCLUDE = re.compile(
    r"(<!-- include: (?P<file>\S+) -->\n\n(?P<fence>```+)\w+[^\n]*\n).*?(\n(?P=fence)\n)",
    re.DOTALL,
)
SHOWS_FILES = re.compile(r"<!-- include: \S+ -->")


def with_files(page: Path, root: Path) -> str:
    """
    Return the page with the files that it includes, as they are now.

    Raises:
        ValueError: an include has no fenced block under it, or names no file.
    """

    def include(found: re.Match[str]) -> str:
        file = root / found["file"]
        if not file.is_file():
            raise ValueError(f"{page.name} includes {found['file']}, which is no file")
        return found[1] + file.read_text("utf-8").rstrip() + found[4]

    text = page.read_text("utf-8")
    written, count = INCLUDE.subn(include, text)
    if count != len(SHOWS_FILES.findall(text)):
        raise ValueError(f"{page.name} has an include without a fenced block under it")
    return written
