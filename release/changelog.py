"""The changelog of a release: ``python -m release.changelog`` cuts it for the version in the code."""

import re
import sys
from datetime import UTC, datetime

import doorward
from release.installation import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"
_UNRELEASED = "## [Unreleased]\n"
_HEADING = re.compile(r"^## \[", re.MULTILINE)


class NotCut(Exception):
    """The changelog is not that of a release; the text says what to do."""


def cut(text: str, version: str, date: str) -> str:
    """
    Return the changelog with the unreleased entries under the version, and none left unreleased.

    Raises:
        NotCut: there is nothing to release, or the version has a heading already.
    """
    if f"## [{version}]" in text:
        raise NotCut(f"CHANGELOG.md has the version {version} already.")
    if not _entries(text, "Unreleased"):
        raise NotCut("CHANGELOG.md has nothing under [Unreleased].")
    return text.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {date}\n", 1)


def require_cut(text: str, version: str) -> None:
    """
    Require that the version has its entries, and that none waits for a later one.

    Raises:
        NotCut: the release would lack entries.
    """
    if not _entries(text, version):
        raise NotCut(f"CHANGELOG.md has no entries of {version}. Run: python -m release.changelog")
    if _entries(text, "Unreleased"):
        raise NotCut(f"CHANGELOG.md has entries under [Unreleased]. Move them to {version}.")


def _entries(text: str, version: str) -> list[str]:
    _, heading, rest = text.partition(f"## [{version}]")
    section = _HEADING.split(rest, maxsplit=1)[0] if heading else ""
    return [line for line in section.splitlines() if line.startswith("- ")]


def main() -> int:
    """Cut the changelog for the version in the code; return 1 if that cannot be done."""
    text = CHANGELOG.read_text("utf-8")
    try:
        changed = cut(text, doorward.__version__, f"{datetime.now(UTC):%Y-%m-%d}")
    except NotCut as problem:
        print(problem, file=sys.stderr)
        return 1
    CHANGELOG.write_text(changed, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
