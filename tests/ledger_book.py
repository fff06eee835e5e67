"""The two ledgers as data, the marks found in the tests, and what must hold between them."""

import ast
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests"
SECURITY = ROOT / "ledger" / "security.toml"
CLAUSES = ROOT / "ledger" / "mcp-authorization.toml"
LAST_LINE = 236

Status = Literal["proved", "later", "not-applicable"]
Side = Literal["accepts", "refuses"]
BOTH: tuple[Side, Side] = ("accepts", "refuses")

# What an entry may wait for; a typo here would hide it from whoever takes that work up.
AWAITED = frozenset(
    {
        "transport issue",
        "provider issue",
        "client issue",
        "upstream sign-in",
        "registration management",
        "authorization server extensions",
        "gateway",
        "doctor",
        "operations issue",
    }
)


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a security line and a clause have in common."""

    id: str
    section: str
    text: str
    status: Status
    waits_for: str | None = None
    reason: str | None = None
    remainder: str | None = None
    sides: tuple[Side, ...] = BOTH
    sides_reason: str | None = None
    through: tuple[str, ...] = ()


class Line(Entry, frozen=True, kw_only=True):
    """One line of the security checklist."""

    title: str
    source: str
    rooms: tuple[str, ...]


class Clause(Entry, frozen=True, kw_only=True):
    """One normative keyword of the MCP authorization pages."""

    level: Literal["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "OPTIONAL"]
    who: tuple[Literal["client", "resource server", "authorization server", "all"], ...]
    page: str
    divergence: str | None = None


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Both ledgers; ``keywords`` says how often each keyword stands on each page."""

    lines: tuple[Line, ...]
    clauses: tuple[Clause, ...]
    keywords: Mapping[str, Mapping[str, int]]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every line and every clause."""
        return (*self.lines, *self.clauses)


class Mark(NamedTuple):
    """One ``@proves`` on one test; ``test`` is ``path::name``."""

    entry: str
    side: str
    test: str
    title: str = ""


E = TypeVar("E", bound=Entry)


@cache
def read_book() -> Book:
    """Return the ledgers as the repository holds them."""
    security = tomllib.loads(SECURITY.read_text(encoding="utf-8"))
    clauses = tomllib.loads(CLAUSES.read_text(encoding="utf-8"))
    return Book(
        lines=msgspec.convert(security["line"], type=tuple[Line, ...]),
        clauses=msgspec.convert(clauses["clause"], type=tuple[Clause, ...]),
        keywords=clauses["keywords"],
    )


@cache
def read_marks(folder: Path = TESTS) -> tuple[Mark, ...]:
    """Return every mark under ``folder``, read from the source without importing it."""
    found: list[Mark] = []
    for path in sorted(_python_files(folder)):
        name = path.relative_to(folder.parent).as_posix()
        found.extend(marks_of(path.read_text(encoding="utf-8"), name))
    return tuple(found)


def _python_files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        # Thousands of files that others wrote.
        if "node_modules" in folders:
            folders.remove("node_modules")
        yield from (Path(place, name) for name in names if name.endswith(".py"))


def marks_of(source: str, name: str) -> Iterator[Mark]:
    """Yield the marks in the source of the file called ``name``."""
    # Most files have none, and to parse a file takes a hundred times as long.
    if "proves" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for call in _proves_calls(node.decorator_list):
                title = _word(call, 2) if len(call.args) > 2 else ""
                yield Mark(_word(call, 0), _word(call, 1), f"{name}::{node.name}", title)


def _proves_calls(decorators: Iterable[ast.expr]) -> Iterator[ast.Call]:
    # Deep, because a row of a parametrized table may carry its own mark.
    for decorator in decorators:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name == "proves":
                    yield node


def _word(call: ast.Call, position: int) -> str:
    argument = call.args[position] if position < len(call.args) else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return f"<not a literal, line {call.lineno}>"


def proof(entry: Entry, marks: Iterable[Mark]) -> dict[str, tuple[str, ...]]:
    """Return the tests that prove ``entry``, itself or through other lines, by side."""
    names = {entry.id, *entry.through}
    mine = [mark for mark in marks if mark.entry in names]
    return {side: tuple(sorted({m.test for m in mine if m.side == side})) for side in BOTH}


def complaints(book: Book, marks: tuple[Mark, ...]) -> list[str]:
    """Return what is wrong between the ledgers and the tests, one sentence each."""
    found = [*_about_marks(book, marks), *_about_numbers(book), *_about_keywords(book)]
    for entry in book.entries:
        found.extend(_about_words(entry))
        found.extend(_about_through(entry, book))
        found.extend(_about_proof(entry, marks))
    return found


def _about_marks(book: Book, marks: tuple[Mark, ...]) -> Iterator[str]:
    known = {entry.id for entry in book.entries}
    titles = {line.id: line.title for line in book.lines}
    for mark in marks:
        name = mark.test.rpartition("::")[2]
        if mark.entry not in known:
            yield f"{mark.test} proves {mark.entry!r}, which is in no ledger"
        if mark.title != titles.get(mark.entry, ""):
            yield (
                f"{mark.test} proves {mark.entry} as {mark.title!r}, and the ledger's title is"
                f" {titles.get(mark.entry, '')!r}"
            )
        if mark.side not in BOTH:
            yield f"{mark.test} proves {mark.entry} on an unknown side {mark.side!r}"
        if not name.startswith(("test_", "Test")):
            yield f"{mark.test} proves {mark.entry} and is not a test"


def _about_numbers(book: Book) -> Iterator[str]:
    expected = [f"S{number}" for number in range(1, LAST_LINE + 1)]
    if [line.id for line in book.lines] != expected:
        yield f"the security lines are not S1 to S{LAST_LINE}, each once and in order"
    for name, count in Counter(entry.id for entry in book.entries).items():
        if count > 1:
            yield f"{name} stands {count} times"


def _about_keywords(book: Book) -> Iterator[str]:
    for page in sorted({clause.page for clause in book.clauses} | set(book.keywords)):
        have = Counter(clause.level for clause in book.clauses if clause.page == page)
        want = Counter(book.keywords.get(page, {}))
        if have != want:
            yield f"page {page} has {dict(want)} and the ledger {dict(have)}"


def _about_words(entry: Entry) -> Iterator[str]:
    if (entry.status == "later") != (entry.waits_for in AWAITED):
        yield f"{entry.id} is {entry.status} and waits for {entry.waits_for!r}"
    if (entry.status == "not-applicable") != bool(entry.reason):
        yield f"{entry.id} is {entry.status} and its reason is {entry.reason!r}"
    if (entry.sides != BOTH) != bool(entry.sides_reason):
        yield f"{entry.id} has the sides {entry.sides} for the reason {entry.sides_reason!r}"
    if not entry.sides:
        yield f"{entry.id} has no side to show"


def _about_through(entry: Entry, book: Book) -> Iterator[str]:
    proved = {line.id for line in book.lines if line.status == "proved"}
    for name in entry.through:
        if entry.status != "proved":
            yield f"{entry.id} is {entry.status} and leans on {name}"
        elif name not in proved:
            yield f"{entry.id} leans on {name}, which is not a proved line"


def _about_proof(entry: Entry, marks: tuple[Mark, ...]) -> Iterator[str]:
    tests = proof(entry, marks)
    missing = [side for side in entry.sides if not tests[side]]
    if entry.status == "proved" and missing:
        yield f"{entry.id} counts as proved and has no test that {' or '.join(missing)}"
    if entry.status != "proved" and not missing:
        yield f"{entry.id} is {entry.status} and has its tests: it is proved"
