"""The picture of the packages, drawn from the import contract that the linter holds."""

import tomllib
from itertools import chain
from pathlib import Path

from docs.making.drawing import WIDTH, arrow, box, drawing, text

ROW, GAP = 34, 22


def layers(pyproject: Path) -> list[list[str]]:
    """
    Return the packages of each layer, from the top down.

    Raises:
        ValueError: there is no contract of layers.
    """
    tool = tomllib.loads(pyproject.read_text("utf-8"))["tool"]["importlinter"]
    for contract in tool["contracts"]:
        if contract["type"] == "layers":
            return [
                [name.strip().removeprefix("doorward.") for name in row.split("|")]
                for row in contract["layers"]
            ]
    raise ValueError(f"{pyproject.name} has no contract of layers")


def draw_rooms(pyproject: Path) -> str:
    """Return the drawing of the layers: a package imports from the rows below its own."""
    rows = layers(pyproject)
    marks = chain.from_iterable(_row(row, place) for place, row in enumerate(rows))
    return drawing(marks, len(rows) * (ROW + GAP) - GAP + 4)


def _row(row: list[str], place: int) -> list[str]:
    top = 2 + place * (ROW + GAP)
    width = (WIDTH - 4) / len(row)
    marks = []
    for column, name in enumerate(row):
        left = 2 + column * width
        marks += [
            box(left + 2, top, width - 4, ROW),
            text(name, left + width / 2, top + ROW / 2 + 4, "name"),
        ]
    above = arrow(WIDTH / 2, top - GAP + 2, WIDTH / 2, top - 2) if place else []
    return [*above, *marks]
