"""HTML that fits a phone: tables whose cells carry their heading, and codes with places to break."""

import re
from html import escape, unescape

_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<td\b")
_TAG = re.compile(r"<[^>]+>")
# Code in a block has elements in it, one per line.
_INLINE_CODE = re.compile(r"(?<=<code>)[^<\s]{16,}(?=</code>)")
_BREAKS_AFTER = re.compile(r"(.{12,}?[_/=,?])(?=[^_/]{3})")


def folding(html: str) -> str:
    """Return the page with a label at each cell of a table, and breaks in long inline codes."""
    html = _TABLE.sub(lambda found: _labelled(found[0]), html)
    return _INLINE_CODE.sub(lambda found: _BREAKS_AFTER.sub(r"\1<wbr>", found[0]), html)


def _labelled(table: str) -> str:
    labels = [unescape(_TAG.sub("", found)).strip() for found in _HEADING.findall(table)]

    def row(found: re.Match[str]) -> str:
        names = iter(labels)

        def cell(_: re.Match[str]) -> str:
            name = next(names, "")
            return f'<td data-label="{escape(name)}"' if name else "<td"

        return _CELL.sub(cell, found[0])

    return _ROW.sub(row, table)
