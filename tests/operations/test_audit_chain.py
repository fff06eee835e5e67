"""The chain of an audit file shows what was changed, removed, inserted or moved, and where."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.operations.audit_chain import START, Head, link, verify
from tests.ledger import proves


def chain(count: int, before: Head = START) -> tuple[list[bytes], Head]:
    """Return lines of a chain, and its head."""
    lines, head = [], before
    for number in range(count):
        line = json.dumps({"event": "decision", "facts": {"n": number}}).encode()
        line, head = link(line, head)
        lines.append(line)
    return lines, head


def problems(folder: Path, lines: list[bytes], head: Head | None) -> list[str]:
    """Return what the verifier says about a file with these lines."""
    path = folder / "audit.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return verify([path], head).problems


@proves("S215", "accepts", "audit chain")
def test_a_chain_as_it_was_written_has_no_problem(tmp_path: Path) -> None:
    lines, head = chain(5)

    assert problems(tmp_path, lines, head) == []
    assert problems(tmp_path, lines, None) == []
    for number, line in enumerate(lines, 1):
        assert json.loads(line)["sequence"] == number


def _changed(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b'"n": 2', b'"n": 7'), *lines[3:]]


def _rehashed(lines: list[bytes]) -> list[bytes]:
    """Change a line, and compute its hash again: the next line still has the old one."""
    before = json.loads(lines[1])
    forged, _ = link(b'{"event": "forged"}', Head(before["sequence"], before["hash"]))
    return [*lines[:2], forged, *lines[3:]]


@proves("S215", "refuses", "audit chain")
@pytest.mark.parametrize(
    ("tamper", "place"),
    [
        (_changed, "audit.jsonl:3"),
        (_rehashed, "audit.jsonl:4"),
        (lambda lines: [*lines[:2], *lines[3:]], "audit.jsonl:3"),
        (lambda lines: [*lines[:2], lines[3], lines[2], lines[4]], "audit.jsonl:3"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], "audit.jsonl:4"),
        (lambda lines: [*lines[:3], b'{"event": "forged"}', *lines[3:]], "audit.jsonl:4"),
        (lambda lines: [*lines[:3], b"", *lines[3:]], "audit.jsonl:4"),
        (lambda lines: [*lines[:3], lines[3][:-9], *lines[4:]], "audit.jsonl:4"),
        (lambda lines: [lines[0] + b" ", *lines[1:]], "audit.jsonl:1"),
    ],
    ids=[
        "changed",
        "changed-and-hashed",
        "removed",
        "moved",
        "repeated",
        "inserted",
        "empty",
        "cut",
        "space",
    ],
)
def test_what_was_done_to_a_line_is_found_at_its_place(
    tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]], place: str
) -> None:
    lines, head = chain(5)

    found = problems(tmp_path, tamper(lines), head)

    assert found[0].startswith(f"{place}:"), found


@proves("S215", "refuses", "audit chain")
def test_a_removed_beginning_or_end_shows_against_the_head_and_only_there(tmp_path: Path) -> None:
    lines, head = chain(5)

    assert problems(tmp_path, lines[2:], None) == []
    (found,) = problems(tmp_path, lines[2:], head)
    assert found == "The beginning is missing: the files begin with line 3, not 1."

    assert problems(tmp_path, lines[:3], None) == []
    (found,) = problems(tmp_path, lines[:3], head)
    assert "2 missing" in found
    (emptied,) = problems(tmp_path, [], head)
    assert "5 missing" in emptied


@proves("S215", "refuses", "audit chain")
def test_another_chain_of_the_same_length_is_not_the_one_of_the_head(tmp_path: Path) -> None:
    _, head = chain(5)
    others = chain(5, Head(0, "f" * 64))[0]

    assert problems(tmp_path, others, head) == ["Line 5 is another one than the head has."]


def test_lines_behind_the_head_are_what_a_killed_process_wrote(tmp_path: Path) -> None:
    lines, _ = chain(5)
    behind = chain(3)[1]

    assert problems(tmp_path, lines, behind) == []


@proves("S215", "refuses", "audit chain")
@given(
    at=st.integers(0, 5),
    other=st.integers(0, 5),
    kind=st.sampled_from(["remove", "swap", "repeat", "flip"]),
    byte=st.integers(0, 200),
)
def test_no_single_change_escapes(at: int, other: int, kind: str, byte: int) -> None:
    lines, head = chain(6)
    changed = list(lines)
    if kind == "remove":
        del changed[at]
    elif kind == "swap":
        changed[at], changed[other] = changed[other], changed[at]
    elif kind == "repeat":
        changed.insert(other, changed[at])
    else:
        text = bytearray(changed[at])
        text[byte % len(text)] ^= 1
        changed[at] = bytes(text)
    with TemporaryDirectory() as folder:
        found = problems(Path(folder), changed, head)

    assert bool(found) == (changed != lines)
