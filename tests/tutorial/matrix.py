"""The attack matrix as the tutorial's table of contents."""

from tests.tutorial.attacks import ATTACKS, EVERY, Attack

MARKS = {True: "succeeds", False: "refused", None: "–"}


def matrix() -> list[dict[str, object]]:
    """
    Return the matrix as data: one row per attack, and what becomes of it at each step.

    ``steps`` maps each step to ``succeeds``, ``refused`` or ``–`` where there is no target yet.
    """
    return [
        {
            "name": attack.name,
            "sentence": attack.sentence,
            "suffers": attack.suffers,
            "closes": attack.closes,
            "steps": {step: MARKS[attack.succeeds_at(step)] for step in EVERY},
        }
        for attack in ATTACKS
    ]


def matrix_markdown() -> str:
    """Return the matrix as a Markdown table: a row per attack, a column per step."""
    head = "| Attack | " + " | ".join(str(step) for step in EVERY) + " | Closed by |"
    rule = "|---|" + ":-:|" * len(EVERY) + "---|"
    return "\n".join([head, rule, *(_row(attack) for attack in ATTACKS)]) + "\n"


def _row(attack: Attack) -> str:
    marks = " | ".join(_mark(attack, step) for step in EVERY)
    return f"| **{attack.name}**: {attack.sentence} | {marks} | step {attack.closes} |"


def _mark(attack: Attack, step: int) -> str:
    succeeds = attack.succeeds_at(step)
    # A word beside the sign: colour and sign alone say nothing to a screen reader.
    return {True: "✗ open", False: "✓ closed", None: "–"}[succeeds]
