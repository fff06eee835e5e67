"""The API reference: every public name has a docstring, and an example that runs."""

import ast
import inspect
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from docs.making.public_names import Docstring, every_name, module_docstring
from docs.making.reason_codes import http_codes
from docs.making.reference_links import link_codes, link_sections
from docs.making.reference_pages import PAGES, shown_in

from release.public_modules import MODULES
from tests.docs_site.prepared import ROOT, names_for, prepare


def _docstrings() -> list[Docstring]:
    found = [module_docstring(module) for module in MODULES]
    found += [docstring for one in every_name() for docstring in one.docstrings]
    return [one for one in found if "```python" in one.text]


@pytest.mark.parametrize("docstring", _docstrings(), ids=lambda one: one.path)
async def test_an_example_runs(
    docstring: Docstring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, monkeypatch)
    names = names_for(docstring)
    for example in docstring.examples():
        code = compile(example, docstring.path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await _run(code, names)


async def _run(code: CodeType, names: dict[str, Any]) -> None:
    running = eval(code, names)
    if inspect.iscoroutine(running):
        await running


def test_every_public_name_has_a_docstring() -> None:
    assert [one.path for one in every_name() if not one.docstrings[0].text] == []


def test_every_public_name_is_used_in_an_example() -> None:
    assert [one.path for one in every_name() if not shown_in(one)] == []


def test_every_public_module_is_on_a_page() -> None:
    on_pages = [module for page in PAGES for module in page.modules]

    assert {*on_pages, "doorward"} == set(MODULES)


def test_every_reason_code_leads_to_where_one_acts() -> None:
    page = (ROOT / "docs" / "reasons.md").read_text("utf-8")
    # The heading of a section is its anchor.
    sections = dict(section.split("\n", 1) for section in page.split("\n### ")[1:])

    assert {one.code for one in http_codes()} <= sections.keys()
    assert [code for code, text in sections.items() if "- **Where**: [" not in text] == []


@pytest.mark.parametrize(
    ("html", "linked"),
    [
        pytest.param(
            "<code>wrong-audience</code>",
            '<a href="../reasons.html#wrong-audience"><code>wrong-audience</code></a>',
            id="a-reason-code",
        ),
        pytest.param("<code>at-jwt</code>", "<code>at-jwt</code>", id="another-word"),
    ],
)
def test_the_reference_links_reason_codes_to_their_entries(html: str, linked: str) -> None:
    assert link_codes(html, frozenset({"wrong-audience"})) == linked


def test_the_reference_links_sections_to_their_rfc() -> None:
    linked = link_sections("Spec: RFC 9068 §2.1; RFC 9728")

    assert (
        'href="https://www.rfc-editor.org/rfc/rfc9068.html#section-2.1">RFC 9068 §2.1</a>' in linked
    )
    assert linked.endswith("; RFC 9728")
