"""How the site looks: nothing is cut, whoever cannot see can read it, and no page is heavy."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.pages.browser import DESKTOP, PHONE, ColorScheme, new_page

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

AXE = Path(__file__).parents[1] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
# One page of each kind: cards, code, a session, wide tables, drawings, hundreds of headings.
KINDS = (
    "index", "start/python-server", "tutorial/step2", "sign-in", "attacks", "findings/authorize",
)  # fmt: skip
# The HTML as it is sent, without compression. Theme and search index come once for all pages.
HEAVIEST = 300_000
PARTS = 8
STILL = "*, ::before, ::after { transition: none !important; animation: none !important }"
OPEN_ALL = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
CUT = """() => {
  const edge = document.documentElement.clientWidth;
  const scrolls = (e) => e.parentElement
    && (["auto", "scroll"].includes(getComputedStyle(e.parentElement).overflowX)
        || scrolls(e.parentElement));
  const wide = [...document.querySelectorAll("article *")]
    .filter((e) => e.getBoundingClientRect().right > edge + 1 && !scrolls(e));
  // What a terminal drew, and a table of many columns, may scroll with a bar that shows it.
  const hidden = [...document.querySelectorAll("article pre > code, article table")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && !e.closest(".language-text, .matrix")
      && getComputedStyle(e).scrollbarWidth !== "thin");
  const main = document.querySelector(".md-main");
  if (main.scrollWidth > edge) wide.push(main);
  return [...wide, ...hidden].map((e) => e.outerHTML.slice(0, 160));
}"""
FAULTS = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21aa"]}))
  .violations.flatMap((rule) => rule.nodes.map((one) => `${rule.id}: ${one.html.slice(0, 160)}`))"""


def _nothing(route: Route) -> None:
    route.fulfill(body="", content_type="text/javascript")


# In parts: on a busy machine, all pages take longer than one test may.
@pytest.mark.parametrize("part", range(PARTS))
def test_no_line_and_no_table_is_cut_on_a_phone_or_a_desktop(
    browser: Browser, origin: str, pages: list[Path], part: int
) -> None:
    cut = {}
    with new_page(browser, PHONE) as watched:
        # The theme's program takes a second for each page, and no part in its widths.
        watched.context.route("**/*.js", _nothing)
        for page in pages[part::PARTS]:
            watched.page.goto(f"{origin}/{page}", wait_until="domcontentloaded")
            watched.page.evaluate(OPEN_ALL)
            for size in (PHONE, DESKTOP):
                watched.page.set_viewport_size(size)
                if found := watched.page.evaluate(CUT):
                    cut[f"{page} at {size['width']}"] = found

    assert cut == {}


@pytest.mark.needs("node-clients")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_can_read_a_page_of_each_kind(
    browser: Browser, origin: str, scheme: ColorScheme
) -> None:
    faults: dict[str, Any] = {}
    with new_page(browser, DESKTOP, scheme) as watched:
        for name in KINDS:
            watched.page.goto(f"{origin}/{name}.html")
            # Else axe reads a colour while it fades in.
            watched.page.add_style_tag(content=STILL)
            watched.page.add_script_tag(path=AXE)
            for size in (DESKTOP, PHONE):
                watched.page.set_viewport_size(size)
                if found := watched.page.evaluate(FAULTS):
                    faults[f"{name} at {size['width']}"] = found

    assert faults == {}


def test_no_page_is_heavier_than_300_kilobytes_of_html(site: Path, pages: list[Path]) -> None:
    heavy = {page: (site / page).stat().st_size for page in pages}

    assert {page: size for page, size in heavy.items() if size > HEAVIEST} == {}
