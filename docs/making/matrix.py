"""The attack matrix: the tutorial's table of contents, from what the tests found."""

import json
from pathlib import Path

MARKS = {"succeeds": "✗", "refused": "✓"}


def matrix_table(file: Path) -> str:
    """Return a table of attacks and steps; where an attack ends, the mark leads to the page."""
    attacks = json.loads(file.read_text("utf-8"))
    steps = sorted({int(step) for attack in attacks for step in attack["steps"]})
    heads = " | ".join(f"[{step}](step{step}.md)" for step in steps)
    lines = [f"| The attack | {heads} |", "|---|" + ":-:|" * len(steps)]
    for attack in attacks:
        cells = []
        for step in steps:
            mark = MARKS.get(attack["steps"].get(str(step), ""), "·")
            closes = step == attack["closes"] and mark == "✓"
            cells.append(f"[{mark}](step{step}.md)" if closes else mark)
        lines.append(f"| {attack['sentence']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
