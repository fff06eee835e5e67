"""Files of the repository inside of pages: never typed, always as they are.

In a page a comment names the file, and the fenced block under it is written anew from it:
``<!-- include: examples/protect_fastapi.py -->``. With ``::name`` behind it, only the function or
class of that name, with the comment above it.

``<!-- wire: FILE -->`` and ``<!-- matrix: FILE -->`` are followed by what is made of that file, up to
``<!-- end -->``.
"""

import ast
import re
import textwrap
from pathlib import Path

from docs.making.matrix import matrix_table
from docs.making.wire import read_transcript, wire_text

INCLUDE = re.compile(
    r"(<!-- include: (?P<file>[^\s:]+)(?:::(?P<name>[\w.]+))? -->\n\n(?P<fence>```+)\w+[^\n]*\n).*?"
    r"(?P<end>\n(?P=fence)\n)",
    re.DOTALL,
)
MADE = re.compile(
    r"(<!-- (?P<kind>wire|matrix): (?P<file>\S+) -->\n).*?(?P<end><!-- end -->\n)", re.DOTALL
)
Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
SHOWS_FILES = re.compile(r"<!-- (?:include|wire|matrix): \S+ -->")


def with_files(page: Path, root: Path) -> str:
    """
    Return the page with the files that it includes, as they are now.

    Raises:
        ValueError: an include has no fenced block under it, or names nothing that there is.
    """

    def named(found: re.Match[str]) -> Path:
        file = root / found["file"]
        if not file.is_file():
            raise ValueError(f"{page.name} shows {found['file']}, which is no file")
        return file

    def include(found: re.Match[str]) -> str:
        code = named(found).read_text("utf-8")
        if found["name"]:
            code = definition(code, found["name"])
        return found[1] + code.rstrip() + found["end"]

    def make(found: re.Match[str]) -> str:
        file = named(found)
        made = matrix_table(file) if found["kind"] == "matrix" else wire_text(read_transcript(file))
        return f"{found[1]}\n{made}\n{found['end']}"

    text = page.read_text("utf-8")
    written, included = INCLUDE.subn(include, text)
    written, made_anew = MADE.subn(make, written)
    if included + made_anew != len(SHOWS_FILES.findall(text)):
        raise ValueError(f"{page.name} has an include without a fenced block or an end under it")
    return written


def definition(code: str, name: str) -> str:
    """
    Return a function or class of a module, with its decorators and the comment above it.

    ``Name.method`` is a method, moved to the left edge.

    Raises:
        ValueError: nothing is called that.
    """
    lines = code.splitlines()
    body, found = ast.parse(code).body, None
    for part in name.split("."):
        named = [one for one in body if isinstance(one, Defined) and one.name == part]
        if not named:
            raise ValueError(f"nothing is called {name}")
        found, body = named[0], named[0].body
    assert found is not None
    first = min([found.lineno, *(one.lineno for one in found.decorator_list)]) - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return textwrap.dedent("\n".join(lines[first : found.end_lineno]))
