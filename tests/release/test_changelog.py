"""A release has the changelog's entries, and none waits for a later one."""

import pytest

from release.changelog import NotCut, cut, require_cut

OPEN = (
    "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A gate.\n\n## [0.1.0] - 2026-01-01\n\n- It.\n"
)
CUT = OPEN.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n")


def test_the_entries_go_under_the_version() -> None:
    assert cut(OPEN, "0.2.0", "2026-12-01") == CUT


@pytest.mark.parametrize("text", [OPEN.replace("- A gate.\n", ""), CUT])
def test_a_changelog_without_new_entries_is_not_cut(text: str) -> None:
    with pytest.raises(NotCut):
        cut(text, "0.2.0", "2026-12-01")


def test_a_release_whose_changelog_is_cut_is_built() -> None:
    require_cut(CUT, "0.2.0")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(OPEN, id="not-cut"),
        pytest.param(CUT.replace("[Unreleased]\n", "[Unreleased]\n\n- Late.\n"), id="a-late-entry"),
    ],
)
def test_a_release_whose_changelog_lacks_entries_is_not_built(text: str) -> None:
    with pytest.raises(NotCut):
        require_cut(text, "0.2.0")
