"""A sequence diagram of what went over the wire, drawn from the recorded hops."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from docs.making.drawing import LETTER, WIDTH, arrow, box, drawing, line, lines_of, text

HEAD = 46
EDGE = 6
FOOT = 10


@dataclass(frozen=True)
class Hop:
    """
    One message: who says what to whom; an ``answer`` is drawn dashed, a refusal in red.

    A ``note`` stands above it, from edge to edge: what this hop is there to show.
    """

    sender: str
    receiver: str
    says: str
    answer: bool = False
    refused: bool = False
    note: str = ""


def draw_sequence(hops: Sequence[Hop], order: Sequence[str] = ()) -> str:
    """
    Return the drawing of the hops from top to bottom, a lane for each party.

    The lanes are in the given ``order``, and those that it does not name in order of appearance.

    Raises:
        ValueError: there are no hops.
    """
    if not hops:
        raise ValueError("a sequence has at least one hop")
    met = [name for hop in hops for name in (hop.sender, hop.receiver)]
    parties = list(dict.fromkeys([*order, *met]))
    space = WIDTH / len(parties)
    lanes = {name: space * (place + 0.5) for place, name in enumerate(parties)}
    marks: list[str] = []
    y: float = HEAD + 4
    for hop in hops:
        marks_of_hop, y = _draw_hop(hop, lanes, y)
        marks += marks_of_hop
    heads = [mark for name, x in lanes.items() for mark in _head(name, x, space)]
    # The lanes first: what is drawn later lies above.
    rules = [line(x, HEAD, x, y + FOOT, "lane") for x in lanes.values()]
    return drawing([*rules, *heads, *marks], round(y + FOOT))


def _head(name: str, x: float, space: float) -> list[str]:
    width = space - 8
    # A name is broken between its words only, and is small where there are many.
    words = textwrap.wrap(name, max(4, int(width / LETTER)), break_long_words=False)
    kind = "name" if width > 90 else "name small"
    top = (HEAD - 4) / 2 - 7 * len(words) + 12
    names = [text(part, x, top + 14 * place + 2, kind) for place, part in enumerate(words)]
    return [box(x - width / 2, 2, width, HEAD - 4), *names]


def _draw_hop(hop: Hop, lanes: dict[str, float], y: float) -> tuple[list[str], float]:
    start, end = lanes[hop.sender], lanes[hop.receiver]
    words = lines_of(hop.says, WIDTH - 2 * EDGE)
    marks = []
    for part in lines_of(hop.note, WIDTH - 2 * EDGE) if hop.note else ():
        y += 14
        marks.append(text(part, EDGE, y + 4, "text note", "start"))
    y += 6 if hop.note else 0
    # Words that are wider than their arrow move inwards rather than over the edge.
    half = max(len(part) for part in words) * LETTER / 2
    x = min(max((start + end) / 2, EDGE + half), WIDTH - EDGE - half)
    for part in words:
        y += 14
        marks.append(text(part, x, y, "text no" if hop.refused else "text"))
    y += 7
    kind = "line back" if hop.answer else "line"
    if start == end:
        return [*marks, line(start - 12, y, start + 12, y, kind)], y + 6
    return [*marks, *arrow(start, y, end, y, kind)], y + 6
