"""Writes docs/ledger.md and docs/ledger-mcp.md: each line and each clause with its tests."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from tests.ledger_book import (
    BOTH,
    ROOT,
    Book,
    Clause,
    Entry,
    Line,
    Mark,
    proof,
    read_book,
    read_marks,
)

LINES = ROOT / "docs" / "ledger.md"
CLAUSES = ROOT / "docs" / "ledger-mcp.md"
SIGNS = {"proved": "✓", "later": "…", "not-applicable": "–"}
LEGEND = (
    "This page is made by `python -m tests.ledger_page`; a test fails when it is old.\n"
    "✓ is proved by a test that accepts the honest neighbour and one that refuses,"
    " … waits for named work, – does not apply."
)
TITLES = {
    "index": "Authorization",
    "authorization-server-discovery": "Authorization server discovery",
    "client-registration": "Client registration",
    "security-considerations": "Security considerations",
}


def build(book: Book, marks: tuple[Mark, ...]) -> dict[Path, str]:
    """Return the two pages as Markdown."""
    lines = [
        "# The ledger",
        LEGEND,
        _summary(book),
        "The clauses have [a page of their own](ledger-mcp.md).",
        "## The security checklist",
        *_sections(book.lines, marks),
    ]
    clauses = [
        "# The clauses of MCP authorization",
        LEGEND,
        "[The security checklist](ledger.md) has the lines that clauses refer to.",
        "## The MCP authorization pages, 2026-07-28",
        *_pages(book.clauses, marks),
    ]
    return {page: "\n\n".join(parts) + "\n" for page, parts in ((LINES, lines), (CLAUSES, clauses))}


def _summary(book: Book) -> str:
    rows = ["| | proved | later | not applicable | all |", "|---|---|---|---|---|"]
    kinds: tuple[tuple[str, tuple[Entry, ...]], ...] = (
        ("security lines", book.lines),
        ("clauses", book.clauses),
    )
    for name, entries in kinds:
        counts = [sum(entry.status == status for entry in entries) for status in SIGNS]
        rows.append(f"| {name} | {' | '.join(map(str, counts))} | {len(entries)} |")
    return "\n".join(rows)


def _pages(clauses: Iterable[Clause], marks: tuple[Mark, ...]) -> Iterator[str]:
    for page, on_page in groupby(clauses, key=lambda clause: clause.page):
        yield f"### {TITLES[page]}"
        for clause in on_page:
            yield _entry(clause, f"{clause.level}, {' and '.join(clause.who)}", marks)


def _sections(lines: Iterable[Line], marks: tuple[Mark, ...]) -> Iterator[str]:
    for section, in_section in groupby(lines, key=lambda line: line.section):
        yield f"### {section}"
        for line in in_section:
            yield _entry(line, line.source, marks)


def _entry(entry: Entry, note: str, marks: tuple[Mark, ...]) -> str:
    title = f" {entry.title}" if isinstance(entry, Line) else ""
    rows = [f"**{entry.id}{title}** {SIGNS[entry.status]} {entry.text} *({note})*"]
    rows.extend(f"- {word}: {said}" for word, said in _remarks(entry) if said)
    tests = proof(entry, marks)
    # A clause that leans on lines names them: their tests stand there already.
    if not entry.through:
        rows.extend(f"- {side}: `{test}`" for side in BOTH for test in tests[side])
    return "\n".join(rows)


def _remarks(entry: Entry) -> Iterator[tuple[str, str | None]]:
    yield "through", ", ".join(entry.through)
    yield "waits for", entry.waits_for
    yield "does not apply", entry.reason
    yield "one side only", entry.sides_reason
    yield "still waits", entry.remainder
    yield "divergence", entry.divergence if isinstance(entry, Clause) else None


if __name__ == "__main__":
    for page, text in build(read_book(), read_marks()).items():
        page.write_text(text, encoding="utf-8")
