"""The marks that every drawing of the docs is made of: SVG that follows the page's colours.

A drawing is 360 wide, as a phone is, so that its letters are never smaller than 11 pixels. On the
site it stands inside the page and takes the page's colours; elsewhere it follows the machine's.
"""

import textwrap
from collections.abc import Iterable
from html import escape

WIDTH = 360
LETTER = 6.4  # the mean width of a letter of the text where the machine's font is a wide one
STYLE = """<style>
.dw-text { font: 11.5px system-ui, sans-serif; fill: var(--drawing-ink, #1f2a2a); }
.dw-text { paint-order: stroke; stroke: var(--drawing-ground, #ffffff); stroke-width: 4px; }
.dw-name { font: 600 12px system-ui, sans-serif; fill: var(--drawing-ink, #1f2a2a); }
.dw-small { font-size: 10px; }
.dw-note { font: italic 11px system-ui, sans-serif; fill: var(--drawing-soft, #5a6868); }
.dw-box { fill: var(--drawing-paper, #eef4f4); stroke: var(--drawing-edge, #0b6b6e); }
.dw-line { fill: none; stroke: var(--drawing-ink, #1f2a2a); stroke-width: 1.3; }
.dw-lane { stroke: var(--drawing-soft, #5a6868); stroke-width: 1; stroke-dasharray: 2 4; }
.dw-tip { fill: var(--drawing-ink, #1f2a2a); }
.dw-back { stroke-dasharray: 5 3; }
.dw-no { fill: var(--drawing-bad, #a32020); }
.dw-number { font: 700 11px system-ui, sans-serif; fill: var(--drawing-paper, #eef4f4); }
.dw-dot { fill: var(--drawing-edge, #0b6b6e); }
@media (prefers-color-scheme: dark) {
  .dw-text { stroke: var(--drawing-ground, #0d1117); }
  .dw-text, .dw-name, .dw-tip { fill: var(--drawing-ink, #e4ecec); }
  .dw-note { fill: var(--drawing-soft, #a3b3b3); }
  .dw-line { stroke: var(--drawing-ink, #e4ecec); }
  .dw-lane { stroke: var(--drawing-soft, #a3b3b3); }
  .dw-box { fill: var(--drawing-paper, #26343a); stroke: var(--drawing-edge, #6fd0d2); }
  .dw-number { fill: var(--drawing-paper, #26343a); }
  .dw-dot { fill: var(--drawing-edge, #6fd0d2); }
  .dw-no { fill: var(--drawing-bad, #ff9d9d); }
}
</style>"""


def drawing(marks: Iterable[str], height: int) -> str:
    """Return the SVG document of the marks."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
            STYLE,
            *marks,
            "</svg>\n",
        ]
    )


def text(words: str, x: float, y: float, kind: str = "text", anchor: str = "middle") -> str:
    """Return one line of text; ``y`` is its foot."""
    return (
        f'<text class="{_classes(kind)}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">'
        f"{escape(words, quote=False)}</text>"
    )


def lines_of(words: str, width: float) -> list[str]:
    """Return the words in lines that are at most ``width`` wide."""
    return textwrap.wrap(words, max(8, int(width / LETTER)), break_on_hyphens=False) or [""]


def box(x: float, y: float, width: float, height: float) -> str:
    """Return a box with soft corners."""
    return f'<rect class="dw-box" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>'


def party(x: float, y: float, name: str, does: str) -> list[str]:
    """Return the box of a party, with what it is under its name."""
    return [
        box(x, y, 154, 60),
        text(name, x + 77, y + 26, "name"),
        text(does, x + 77, y + 44, "note"),
    ]


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "line") -> str:
    """Return a straight line."""
    return (
        f'<line class="{_classes(kind)}" x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"/>'
    )


def arrow(x1: float, y1: float, x2: float, y2: float, kind: str = "line") -> list[str]:
    """Return an arrow whose tip is at the second point."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    along, across = (x2 - x1) / length, (y2 - y1) / length
    foot_x, foot_y = x2 - 8 * along, y2 - 8 * across
    tip = [
        (x2, y2),
        (foot_x - 4 * across, foot_y + 4 * along),
        (foot_x + 4 * across, foot_y - 4 * along),
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in tip)
    return [line(x1, y1, foot_x, foot_y, kind), f'<polygon class="dw-tip" points="{points}"/>']


def dot(number: int, x: float, y: float) -> list[str]:
    """Return a number in a filled circle."""
    return [
        f'<circle class="dw-dot" cx="{x:.0f}" cy="{y:.0f}" r="9"/>',
        text(str(number), x, y + 4, "number"),
    ]


def _classes(kind: str) -> str:
    return " ".join(f"dw-{one}" for one in kind.split())
