"""Write what the tutorial's pages show: ``python -m tests.tutorial.write``; ``--check`` compares."""

import asyncio
import json
import sys

from tests.tutorial.diffs import diffs
from tests.tutorial.matrix import matrix, matrix_markdown
from tests.tutorial.places import STEPS_FOLDER
from tests.tutorial.transcripts import transcripts


async def generated() -> dict[str, str]:
    """Return every generated file by its name under ``http-transport-steps/``."""
    table = json.dumps(matrix(), indent=2, ensure_ascii=False) + "\n"
    files = {"attacks.md": matrix_markdown(), "attacks.json": table}
    return {**files, **diffs(), **await transcripts()}


async def stale() -> list[str]:
    """Return the names of files that differ from what the steps would give now."""
    found = []
    for name, text in (await generated()).items():
        file = STEPS_FOLDER / name
        if not file.exists() or file.read_text("utf-8") != text:
            found.append(name)
    return found


def main() -> int:
    """Write the files, or with ``--check`` say which are stale and return 1."""
    if "--check" in sys.argv[1:]:
        names = asyncio.run(stale())
        print("\n".join(names) or "all as they should be")
        return 1 if names else 0
    for name, text in asyncio.run(generated()).items():
        file = STEPS_FOLDER / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        print(name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
