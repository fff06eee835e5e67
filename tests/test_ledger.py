"""The ledgers and the tests say the same of each other, in both directions."""

from typing import Any

import msgspec
import pytest

from tests import ledger_page
from tests.ledger_book import (
    LAST_LINE,
    Book,
    Clause,
    Line,
    Mark,
    complaints,
    marks_of,
    proof,
    read_book,
    read_marks,
)


def line(**changed: Any) -> Line:
    fields: dict[str, Any] = {
        "id": "S1",
        "section": "s",
        "title": "",
        "text": "t",
        "source": "RFC",
        "rooms": ("wire",),
        "status": "proved",
    }
    return Line(**{**fields, **changed})


def book_with(first: Line, *clauses: Clause) -> Book:
    rest = tuple(
        line(id=f"S{number}", status="later", waits_for="gateway")
        for number in range(2, LAST_LINE + 1)
    )
    return Book(lines=(first, *rest), clauses=clauses, keywords={"p": {"MUST": len(clauses)}})


def clause(**changed: Any) -> Clause:
    fields: dict[str, Any] = {
        "id": "c",
        "level": "MUST",
        "who": ("client",),
        "page": "p",
        "section": "s",
        "text": "t",
        "status": "proved",
    }
    return Clause(**{**fields, **changed})


ACCEPTS = Mark("S1", "accepts", "tests/a.py::test_a")
REFUSES = Mark("S1", "refuses", "tests/a.py::test_r")
WHOLE = (ACCEPTS, REFUSES)


def test_the_ledgers_and_the_tests_agree() -> None:
    said = complaints(read_book(), read_marks())

    assert not said, "\n".join(said)


def test_the_page_shows_the_ledgers_as_they_are() -> None:

    for page, text in ledger_page.build(read_book(), read_marks()).items():
        assert page.read_text(encoding="utf-8") == text, (
            f"{page.name} is old; run: python -m tests.ledger_page"
        )


def test_a_line_with_both_sides_is_proved() -> None:
    assert complaints(book_with(line(), clause(through=("S1",))), WHOLE) == []


@pytest.mark.parametrize(
    ("book", "marks", "complaint"),
    [
        pytest.param(book_with(line()), (ACCEPTS,), "no test that refuses", id="no-refusal"),
        pytest.param(book_with(line()), (REFUSES,), "no test that accepts", id="no-acceptance"),
        pytest.param(
            book_with(line()),
            (*WHOLE, Mark("S999", "refuses", "tests/a.py::test_x")),
            "in no ledger",
            id="unknown-line",
        ),
        pytest.param(
            book_with(line()),
            (*WHOLE, Mark("S1", "rejects", "tests/a.py::test_x")),
            "unknown side",
            id="unknown-side",
        ),
        pytest.param(
            book_with(line()),
            (*WHOLE, Mark("S1", "refuses", "tests/a.py::check")),
            "is not a test",
            id="not-a-test",
        ),
        pytest.param(
            book_with(line(title="one thing")),
            (*WHOLE, Mark("S1", "refuses", "tests/a.py::test_x", "another")),
            "ledger's title is 'one thing'",
            id="another-title",
        ),
        pytest.param(
            book_with(line(status="later", waits_for="gateway")), WHOLE, "it is proved", id="stale"
        ),
        pytest.param(
            book_with(line(status="not-applicable", reason="r")),
            WHOLE,
            "it is proved",
            id="stale-exemption",
        ),
        pytest.param(
            book_with(line(status="later")), (), "waits for None", id="later-than-nothing"
        ),
        pytest.param(
            book_with(line(status="later", waits_for="someday")),
            (),
            "waits for 'someday'",
            id="unknown-work",
        ),
        pytest.param(
            book_with(line(status="not-applicable")), (), "its reason is None", id="no-reason"
        ),
        pytest.param(
            book_with(line(sides=("refuses",))), (REFUSES,), "for the reason None", id="half"
        ),
        pytest.param(book_with(line(id="S2")), WHOLE, "are not S1 to S236", id="gap"),
        pytest.param(
            book_with(line(), clause()), WHOLE, "c counts as proved", id="clause-without-tests"
        ),
        pytest.param(
            book_with(line(), clause(through=("S2",))),
            WHOLE,
            "not a proved line",
            id="leans-on-air",
        ),
        pytest.param(
            book_with(line(), clause(through=("S1",), page="q")),
            WHOLE,
            "page q has {} and the ledger {'MUST': 1}",
            id="uncounted-clause",
        ),
    ],
)
def test_what_does_not_agree_is_said(book: Book, marks: tuple[Mark, ...], complaint: str) -> None:
    assert any(complaint in said for said in complaints(book, marks))


def test_one_side_suffices_where_the_ledger_says_why() -> None:
    half = line(sides=("refuses",), sides_reason="there is nothing to accept")

    assert not [said for said in complaints(book_with(half), (REFUSES,)) if said.startswith("S1 ")]


def test_marks_are_found_on_functions_classes_and_rows() -> None:
    source = """
@proves("S1", "accepts", "one thing")
async def test_plain(): ...

@proves("S2", "refuses")
class TestMany: ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=ledger.proves("S3", "refuses"))])
def test_table(x): ...

@proves(NAME, "accepts")
def test_computed(): ...
"""
    assert [tuple(mark) for mark in marks_of(source, "f.py")] == [
        ("S1", "accepts", "f.py::test_plain", "one thing"),
        ("S2", "refuses", "f.py::TestMany", ""),
        ("S3", "refuses", "f.py::test_table", ""),
        ("<not a literal, line 11>", "accepts", "f.py::test_computed", ""),
    ]


def test_a_clause_is_shown_with_the_tests_of_the_lines_it_leans_on() -> None:
    assert proof(clause(through=("S1",)), WHOLE) == {
        "accepts": (ACCEPTS.test,),
        "refuses": (REFUSES.test,),
    }


def test_a_field_that_nobody_knows_is_an_error_in_the_ledger() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(line()), "statsu": "proved"}, type=Line)
