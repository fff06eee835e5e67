"""The site in a browser: on a phone, in the dark, by keyboard, and with no network but its own."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import TimeoutError as NotYet

from tests.pages.browser import DESKTOP, PHONE, new_page

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

FOLDERS = {".", "clients", "findings", "providers", "reference", "start", "tutorial"}
PATIENCE = 40_000.0  # milliseconds
OPEN_ALL = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
TOO_WIDE = """() => {
  const edge = document.documentElement.clientWidth;
  const scrolls = (e) => e.parentElement
    && (["auto", "scroll", "hidden"].includes(getComputedStyle(e.parentElement).overflowX)
        || scrolls(e.parentElement));
  return [...document.querySelectorAll(".md-main *")]
    .filter((e) => e.getBoundingClientRect().right > edge + 1 && !scrolls(e))
    .map((e) => e.outerHTML.slice(0, 120));
}"""


# One test per folder: on a busy machine, all pages take longer than one test may.
@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_no_page_is_wider_than_a_phone_or_asks_another_host(
    browser: Browser, origin: str, pages: list[Path], folder: str
) -> None:
    assert {str(page.parent) for page in pages} == FOLDERS
    with new_page(browser, PHONE) as watched:
        asked: set[str] = set()
        watched.page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        for page in (one for one in pages if str(one.parent) == folder):
            watched.page.goto(f"{origin}/{page}")
            watched.page.evaluate(OPEN_ALL)
            assert watched.page.evaluate(TOO_WIDE) == [], page
            wide = watched.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], page

        assert asked == {urlsplit(origin).netloc}
        assert watched.complaints == []


def test_the_colours_follow_the_machine_and_the_button(browser: Browser, origin: str) -> None:
    with new_page(browser, DESKTOP, "dark") as watched:
        watched.page.goto(f"{origin}/cli.html")
        scheme = watched.page.locator("body")
        assert scheme.get_attribute("data-md-color-scheme") == "slate"

        watched.page.get_by_title("Light colours").click()

        assert scheme.get_attribute("data-md-color-scheme") == "default"


def test_the_first_key_offers_to_skip_to_the_text(browser: Browser, origin: str) -> None:
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/client.html")
        watched.page.keyboard.press("Tab")
        skip = watched.page.locator(":focus")
        assert skip.inner_text() == "Skip to content"
        assert skip.is_visible()

        watched.page.keyboard.press("Enter")

        watched.page.wait_for_url("**/client.html#*")
        target = urlsplit(watched.page.url).fragment
        assert watched.page.locator(f"#{target}").bounding_box() is not None


def test_whoever_goes_by_keyboard_sees_where_they_are(browser: Browser, origin: str) -> None:
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/client.html#one-argument-for-the-client-you-have")
        link = watched.page.locator("article a[href]:not(.headerlink)").first
        link.focus()
        # A focus that came by a key is shown; one that a script or a mouse set need not be.
        watched.page.keyboard.press("Shift+Tab")
        watched.page.keyboard.press("Tab")

        assert watched.page.evaluate(outline) != "none"


def test_a_search_finds_a_reason_code_without_asking_another_host(
    browser: Browser, origin: str
) -> None:
    with new_page(browser, DESKTOP) as watched:
        asked: set[str] = set()
        watched.page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        watched.page.goto(f"{origin}/index.html")
        field = watched.page.get_by_placeholder("Search")
        field.click()
        watched.page.get_by_text("Type to start searching").wait_for(timeout=PATIENCE)
        found = watched.page.locator(".md-search-result__item a[href*='reasons.html']").first
        # What is typed while the page still wakes up may be lost on a busy machine.
        for letters in ("insufficient-scop", "e", " "):
            field.press_sequentially(letters)
            with suppress(NotYet):
                found.wait_for(timeout=PATIENCE / 3)
                break
        found.wait_for(timeout=PATIENCE / 3)

        assert asked == {urlsplit(origin).netloc}


def test_a_search_for_what_a_client_shows_finds_its_finding(browser: Browser, origin: str) -> None:
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/index.html")
        field = watched.page.get_by_placeholder("Search")
        field.click()
        watched.page.get_by_text("Type to start searching").wait_for(timeout=PATIENCE)
        first = watched.page.locator(".md-search-result__item a[href*='findings/']").first
        for letters in ("code challenge method S25", "6", " "):
            field.press_sequentially(letters)
            with suppress(NotYet):
                first.wait_for(timeout=PATIENCE / 3)
                break
        first.wait_for(timeout=PATIENCE / 3)
