"""Each finding of the doctor has its place in the reference, and is found by what a client shows."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from docs.making.finding_pages import FOLDER, INDEX, hop_page, hop_pages, index_page

from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.findings.finding import Finding
from doorward.doctor.report.explanation import explain
from doorward.idp.rendering import escaped
from tests.docs_site.reading import read

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("finding", FINDINGS.values(), ids=lambda one: one.code)


def test_every_page_of_findings_is_in_the_menu() -> None:
    menu = re.findall(r"- (?:.*: )?findings/(\S+)\.md", (ROOT / "mkdocs.yml").read_text())
    expected = [Path(place).stem for place in (INDEX, *hop_pages())]

    assert menu == expected
    assert {file.stem for file in (ROOT / FOLDER).glob("*.md")} == set(expected)


@each
def test_the_section_of_a_finding_says_everything_about_it(finding: Finding) -> None:
    explanation = explain(finding)
    place, _, anchor = explanation.page.partition("#")
    section = _sections(hop_page(hop_pages()[place]))[anchor]

    for text in (explanation.title, explanation.cause, explanation.change, explanation.decide):
        assert escaped(text) in section
    assert explanation.who_acts in section
    for name, text in explanation.fixes.items():
        assert f"- **{name}**: {escaped(text)}" in section
    for told in (*explanation.seen_as, *explanation.threads, *explanation.specs):
        assert told.partition(" §")[0] in section


@each
def test_an_explanation_has_no_value_left_open(finding: Finding) -> None:
    explanation = explain(finding)
    texts = (explanation.title, explanation.cause, explanation.change, *explanation.seen_as)

    assert [one for one in texts if re.search(r"\{\w+\}", one)] == []


def test_the_index_has_every_code_and_every_sentence_of_a_client() -> None:
    index = index_page()

    for finding in map(explain, FINDINGS.values()):
        assert f"[`{finding.code}`]({finding.hop}.md#{finding.code}) | " in index
        for sentence in finding.seen_as:
            assert f"### `{sentence}`\n" in index


def test_a_placeholder_is_read_as_text_and_not_as_html(site: Path) -> None:
    page = (site / "findings" / "challenge.html").read_text()

    assert "The 401 asks for &lt;scheme&gt;, not for a bearer token." in page


def test_every_finding_is_an_anchor_that_the_search_lists(site: Path) -> None:
    index: Any = json.loads((site / "search" / "search_index.json").read_text())
    entries = {one["location"]: one for one in index["docs"]}

    for finding in map(explain, FINDINGS.values()):
        place = finding.page.removeprefix("docs/").replace(".md#", ".html#")
        assert finding.code in read(site / place.partition("#")[0]).anchors
        assert entries[place]["title"] == finding.code
        assert entries[place]["boost"] > 1


def test_a_page_of_findings_is_not_too_large_for_a_phone(site: Path) -> None:
    sizes = {page.name: page.stat().st_size for page in (site / "findings").glob("*.html")}

    assert {name for name, size in sizes.items() if size > 300_000} == set()


def _sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (\S+)\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
