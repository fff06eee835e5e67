"""The page of an attempt in a real browser: on a phone, wide, in both schemes, by keyboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize

from doorward.operations.story.page import HEADERS, attempt_page, list_page
from doorward.wire.asgi import Receive, Scope, Send
from tests.operations.story.hops import NOW, stopped_at_a_provider
from tests.pages.browser import ColorScheme, chromium, new_page, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PHONE: ViewportSize = {"width": 390, "height": 844}
WIDE: ViewportSize = {"width": 1280, "height": 900}


async def _app(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    one, now = stopped_at_a_provider(), NOW + 3000
    is_list = scope["path"] == "/story"
    body = list_page([one], now, "/story") if is_list else attempt_page(one, now, "/story")
    headers = [(b"content-type", b"text/html; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Give the origin that serves the pages with their headers."""
    with served(_app) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("path", ["/story", "/story/968eeb3e"])
def test_the_page_fits_and_the_browser_has_no_complaint(
    browser: Browser, origin: str, path: str, size: ViewportSize, scheme: ColorScheme
) -> None:
    with new_page(browser, size, scheme) as watched:
        watched.page.goto(origin + path)
        width = watched.page.evaluate("document.documentElement.scrollWidth")
        arrows = watched.page.locator(".way i").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().width)"
        )

        assert width <= size["width"]
        assert all(one > 20 for one in arrows)
        assert watched.complaints == []


def test_a_message_opens_by_keyboard(browser: Browser, origin: str) -> None:
    with new_page(browser, PHONE) as watched:
        page = watched.page
        page.goto(origin + "/story/968eeb3e")
        assert not page.get_by_text("without a token", exact=True).is_visible()
        # The link to the list comes first.
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        assert page.get_by_text("without a token", exact=True).is_visible()
        assert page.locator("summary").first.get_attribute("aria-label") == (
            "MCP client to MCP server: Call without a token: POST /mcp"
        )


def test_an_answer_points_back_to_the_sender(browser: Browser, origin: str) -> None:
    with new_page(browser, WIDE) as watched:
        watched.page.goto(origin + "/story/968eeb3e")
        boxes = watched.page.locator(".message .way i").evaluate_all(
            "all => all.map(one => [one.getBoundingClientRect().left, one.closest('li').className])"
        )

        (asked, way), (answered, back) = boxes[0], boxes[1]
        assert asked == answered
        assert ("right" in way, "left" in back) == (True, True)
