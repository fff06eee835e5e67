"""The two output streams: results go to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doorward.cli.plain_text import json_fit, line


class Output:
    """
    Prints results to stdout and progress to stderr; with ``as_json`` one document, no progress.

    Uses colour only on a terminal without ``NO_COLOR``. Escapes control characters in all text.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self._err = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        unicode = (self._err.encoding or "").lower().startswith("utf")
        self._done, self._waiting, self._bar = ("✓", "…", "─") if unicode else ("+", "...", "-")

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the JSON document of this run."""
        text = json.dumps(document, ensure_ascii=False, indent=2)
        sys.stdout.write(json_fit(text) + "\n")

    def text(self, text: str) -> None:
        """Print a result unchanged; the caller has escaped it."""
        sys.stdout.write(text + "\n")

    def step(self, name: str, detail: str = "") -> None:
        """Print that one step is done."""
        self._progress(Text(self._done, "green"), name, detail)

    def waiting(self, name: str, detail: str) -> None:
        """Print what the command is waiting for."""
        self._progress(Text(self._waiting[:1], "yellow"), name, detail)

    def note(self, text: str) -> None:
        """Print a line that is not part of the result."""
        if not self.as_json:
            self._err.print(Text(line(text)), soft_wrap=True)

    def address(self, url: str) -> None:
        """Print a URL to copy: alone on its line, without a line break."""
        self._err.print(Text(line(url, None), "bold"), soft_wrap=True)

    def problem(self, problem: str, hint: str, reason: str) -> None:
        """Print an error and its hint."""
        self._err.print(
            Text.assemble(
                "doorward: ", ("error", "bold red"), ": ", line(problem), (f" ({reason})", "dim")
            ),
            soft_wrap=True,
        )
        if hint:
            self._err.print(
                Text.assemble("doorward: ", ("hint", "bold cyan"), ": ", line(hint)),
                soft_wrap=True,
            )

    def facts(self, title: str, facts: Sequence[tuple[str, str]]) -> None:
        """Print a title, and one name and value per line below it."""
        self._out.print(Text(line(title), "bold"))
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            label = (f"  {name:<{width}}  ", "dim")
            self._out.print(Text.assemble(label, line(value)), soft_wrap=True)

    def rows(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, in_blocks: bool = False
    ) -> None:
        """
        Print a table; tab-separated lines if stdout is not a terminal.

        With ``in_blocks``, a table that is too wide for the terminal is printed in several, each with
        the first column. Otherwise its cells are wrapped.
        """
        if not self._out.is_terminal:
            for row in rows:
                self.text("\t".join(line(cell) for cell in row))
            return
        blocks = [list(range(len(headings)))]
        if in_blocks:
            columns = zip(headings, *rows, strict=True)
            widths = [max(len(line(cell)) for cell in column) + 2 for column in columns]
            blocks = _blocks(widths, self._out.width)
        for number, block in enumerate(blocks):
            if number:
                self.text("")
            self._table(
                [headings[one] for one in block], [[row[one] for one in block] for row in rows]
            )

    def _table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for number, heading in enumerate(headings):
            table.add_column(
                heading,
                style="bold" if number == 0 else "",
                overflow="fold",
                no_wrap=number == 0,
                # A heading is never broken inside a word.
                min_width=max(len(word) for word in heading.split()),
            )
        for row in rows:
            table.add_row(*(Text(line(cell)) for cell in row))
        self._out.print(table)

    def _progress(self, mark: Text, name: str, detail: str) -> None:
        if self.as_json:
            return
        self._err.print(
            Text.assemble(mark, " ", f"{name:<9}", (line(detail), "dim")), soft_wrap=True
        )


def _blocks(widths: Sequence[int], most: int) -> list[list[int]]:
    """Return the numbers of the columns, the first in each block, so that each block fits."""
    blocks = [[0]]
    for number in range(1, len(widths)):
        if sum(widths[one] for one in blocks[-1]) + widths[number] > most and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(number)
    return blocks
