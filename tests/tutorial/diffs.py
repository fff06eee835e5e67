"""The difference of each step to the one before: the lesson of its page."""

import difflib

from tests.tutorial.places import SOURCES


def diff(step: int) -> str:
    """Return the unified diff from the step before to ``step``, without dates."""
    before, after = (SOURCES / f"step{one}.py" for one in (step - 1, step))
    lines = difflib.unified_diff(
        before.read_text("utf-8").splitlines(keepends=True),
        after.read_text("utf-8").splitlines(keepends=True),
        before.name,
        after.name,
    )
    return "".join(lines)


def diffs() -> dict[str, str]:
    """Return every diff under the name of the file that it is kept in."""
    return {f"diffs/step{step}.diff": diff(step) for step in range(2, 12)}
