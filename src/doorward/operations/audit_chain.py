"""The hash chain of an audit file: each line has the hash of the one before, so that changes show."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec

HEAD_SUFFIX = ".head"
# Before the first line of the first file.
ORIGIN = "0" * 64


class Head(msgspec.Struct, frozen=True):
    """
    The last link of a chain: how many lines it has, and the hash of the last one.

    ``first`` is the first line that rotation has kept.
    """

    sequence: int
    hash: str
    first: int = 1


START = Head(0, ORIGIN)


def link(line: bytes, before: Head) -> tuple[bytes, Head]:
    """
    Return ``line``, a JSON object, with its place in the chain, and the new head.

    ``sequence``, ``previous`` and ``hash`` are added at its end. The hash covers everything before
    it, ``previous`` included.
    """
    sequence = before.sequence + 1
    body = b'%b,"sequence":%d,"previous":"%b"' % (line[:-1], sequence, before.hash.encode())
    digest = sha256(body).hexdigest()
    return b'%b,"hash":"%b"}' % (body, digest.encode()), Head(sequence, digest, before.first)


def read_link(line: bytes) -> tuple[Head, str] | None:
    """Return the head that ``line`` makes, and the hash that it follows; ``None`` if it has none."""
    body, mark, rest = line.rpartition(b',"hash":"')
    try:
        found = json.loads(line)
        sequence, previous, own = found["sequence"], found["previous"], found["hash"]
    except (ValueError, KeyError, TypeError):
        return None
    plain = isinstance(sequence, int) and isinstance(previous, str) and isinstance(own, str)
    if not plain or not mark or rest != f'{own}"}}'.encode() or sha256(body).hexdigest() != own:
        return None
    return Head(sequence, own), previous


@dataclass
class Verification:
    """What ``verify`` found: how many lines it read, and what is wrong with them, in order."""

    lines: int = 0
    first: int | None = None
    last: Head = START
    problems: list[str] = field(default_factory=list)


def verify(files: Iterable[Path], head: Head | None) -> Verification:
    """
    Return what is wrong with the chain in ``files``, oldest first.

    Finds a changed, removed, inserted or moved line. Lines removed at the beginning or at the end
    show only against ``head``.
    """
    result = Verification()
    for place, line in _lines(files):
        result.lines += 1
        _follow(result, place, line)
    if head is not None and result.first is not None and result.first > head.first:
        result.problems.insert(
            0,
            f"The beginning is missing: the files begin with line {result.first}, not {head.first}.",
        )
    if head is not None and result.last.sequence < head.sequence:
        missing = head.sequence - result.last.sequence
        result.problems.append(
            f"The end is missing: the head has line {head.sequence}, the last one here is"
            f" {result.last.sequence} ({missing} missing)."
        )
    elif (
        head is not None and result.last.sequence == head.sequence and result.last.hash != head.hash
    ):
        result.problems.append(f"Line {head.sequence} is another one than the head has.")
    return result


def _follow(result: Verification, place: str, line: bytes) -> None:
    found = read_link(line)
    if found is None:
        result.problems.append(f"{place}: the line was changed, or is not a line of the chain.")
        # The next line is judged against the place that this one had.
        result.last = Head(result.last.sequence + 1, "")
        return
    own, previous = found
    before = result.last
    if result.first is None:
        # Changed lines before it had the numbers before its own.
        result.first = own.sequence - (result.lines - 1)
    elif own.sequence != before.sequence + 1:
        what = "removed before it" if own.sequence > before.sequence else "inserted or moved"
        result.problems.append(
            f"{place}: line {own.sequence} follows line {before.sequence}: lines were {what}."
        )
    elif before.hash and previous != before.hash:
        result.problems.append(f"{place}: line {own.sequence} does not follow the one before it.")
    result.last = own


def _lines(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield f"{path.name}:{number}", line.rstrip(b"\n")
