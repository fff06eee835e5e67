"""Every command on the tutorial's pages is run, and says what the page says."""

from pathlib import Path

import pytest
from docs.making.pages import ROOT

from tests.docs_site.sessions import differences, reader_of_the_tutorial

PAGES = sorted((ROOT / "docs" / "tutorial").glob("step?.md"))


@pytest.mark.e2e
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_sessions_of_a_step_run_as_they_are_written(page: Path, tmp_path: Path) -> None:
    with reader_of_the_tutorial(tmp_path) as reader:
        assert differences(page, reader) == []


@pytest.mark.e2e
def test_a_page_that_says_something_else_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ WORD=$(echo said)\n$ echo $WORD\nsaid\n$ echo other\nwritten\n```\n", "utf-8"
    )
    with reader_of_the_tutorial(tmp_path) as reader:
        found = differences(page, reader)

    assert found == ["$ echo other", "--- the page says", "written", "--- it said", "other"]
