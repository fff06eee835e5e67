"""The site that `make docs` builds: whole, honest about where it leads, and on its own."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docs.making.command import SiteIsBroken, build_site
from docs.making.pages import ROOT
from docs.making.site import code_page, leads_to, show_code

from tests.docs_site.reading import read

# The whole site is built.
pytestmark = pytest.mark.e2e


def _parts(url: str) -> tuple[str, str]:
    return unquote(urlsplit(url).path), unquote(urlsplit(url).fragment)


def _is_outside(url: str) -> bool:
    return bool(urlsplit(url).scheme or urlsplit(url).netloc)


def test_every_link_on_the_site_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    anchors = {page: set(read(page).anchors) for page in site.rglob("*.html")}
    broken = []
    for page in anchors:
        for link in read(page).links:
            if _is_outside(link) or page.name == "404.html":
                continue
            path, fragment = _parts(link)
            target = (page.parent / path).resolve() if path else page
            if target.is_dir():
                target /= "index.html"
            # Material's own "back to top" names a place that every page has without saying so.
            missing = fragment not in {"", "__toc", "__top"} and fragment not in anchors.get(
                target, set()
            )
            if not target.exists() or missing:
                broken.append(f"{page.relative_to(site)}: {link}")

    assert broken == []


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    loads = {load for page in site.rglob("*.html") for load in read(page).loads}

    assert loads
    assert {load for load in loads if _is_outside(load)} == set()


def test_no_anchor_is_named_twice_on_a_page(site: Path, pages: list[Path]) -> None:
    for page in pages:
        anchors = read(site / page).anchors
        assert sorted(anchors) == sorted(set(anchors)), page


def test_every_picture_says_in_words_what_it_shows(site: Path, pages: list[Path]) -> None:
    for page in pages:
        assert read(site / page).images_without_words == [], page


def test_every_page_of_the_docs_is_on_the_site(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file(), page


def test_links_that_lead_nowhere_end_the_build_and_are_named(tmp_path: Path) -> None:
    wrong = ["docs/gone.md", "docs/cli.md#gone", "examples/gone.py", "/docs/cli.md"]
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "mkdocs.yml"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    for file in ROOT.glob("[a-z]*"):
        if file.is_dir():
            (tmp_path / file.name).symlink_to(file)
    links = " ".join(f"[link]({target})" for target in wrong)
    (tmp_path / "SECURITY.md").write_text(f"# Security\n\n{links}\n", "utf-8")

    with pytest.raises(SiteIsBroken) as broken:
        build_site(tmp_path / "built", tmp_path)

    for name in ("docs/gone.md", "cli.md#gone", "examples/gone.py", "/docs/cli.md"):
        assert name in str(broken.value)


@pytest.mark.parametrize(
    ("target", "place", "leads"),
    [
        pytest.param("docs/cli.md", "security.md", "cli.md", id="from-the-root"),
        pytest.param("../README.md", "cli.md", "index.md", id="to-the-readme"),
        pytest.param("../SECURITY.md", "cli.md", "security.md", id="to-a-page-of-the-root"),
        pytest.param("cli.md", "client.md", "cli.md", id="beside"),
        pytest.param(
            "../examples/protect_fastapi.py",
            "client.md",
            "code/examples/protect_fastapi.py.md",
            id="to-code",
        ),
        pytest.param("../examples", "client.md", "code/examples/index.md", id="to-a-folder"),
        pytest.param(
            "../quickstart/.env.example",
            "client.md",
            "code/quickstart/env.example.md",
            id="to-a-hidden-file",
        ),
        pytest.param("gone.md", "client.md", "gone.md", id="nowhere"),
    ],
)
def test_a_link_between_files_becomes_a_link_between_pages(
    target: str, place: str, leads: str
) -> None:
    assert leads_to(target, place) == leads


def test_a_page_that_shows_a_file_shows_all_of_it() -> None:
    shown = show_code("examples/protect_fastapi.py")

    assert (ROOT / "examples" / "protect_fastapi.py").read_text("utf-8").rstrip() in shown
    assert code_page("examples") == "code/examples/index.md"
