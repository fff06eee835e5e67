"""The site in a browser: on a phone, in the dark, by keyboard, and with no network but its own."""

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser

from tests.pages.browser import DESKTOP, new_page

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

PATIENCE = 40_000.0  # milliseconds


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


@pytest.mark.parametrize(
    ("words", "first"),
    [
        pytest.param("wrong-audience", "reasons.html#wrong-audience", id="a-reason-code"),
        pytest.param(
            "Authorization with the MCP server failed",
            "findings/index.html#authorization-with-the-mcp-server-failed",
            id="what-a-client-shows",
        ),
    ],
)
def test_a_search_finds_first_what_explains_it_and_asks_no_other_host(
    browser: Browser, origin: str, words: str, first: str
) -> None:
    with new_page(browser, DESKTOP) as watched:
        asked: set[str] = set()
        watched.page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        # What is typed while the page still wakes up may be lost on a busy machine.
        watched.page.goto(f"{origin}/index.html?q={quote(words)}")
        page, _, place = first.partition("#")
        found = watched.page.locator(".md-search-result__item").first.locator(
            f"a[href*='{page}'][href$='{place}']"
        )
        found.first.wait_for(state="attached", timeout=PATIENCE)

        assert asked == {urlsplit(origin).netloc}


def test_source_is_not_among_what_a_search_finds(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))

    assert [one["location"] for one in index["docs"] if one["location"].startswith("code/")] == []
