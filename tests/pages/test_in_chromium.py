"""Every state of every page, as Chromium draws it: on a phone and a desktop, by day and by night."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.ledger import proves
from tests.pages.browser import DESKTOP, PHONE, SIZES, ColorScheme, new_page, served
from tests.pages.states import STATES

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

JUDGED = (Path(__file__).parent / "judged_in_page.js").read_text(encoding="utf-8")
# An application that nobody installed cannot be launched, and Chromium says so.
EXPECTED = ("Not allowed to launch 'nice-editor:", "Failed to launch 'nice-editor:")

FOCUSED = """() => {
  const e = document.activeElement;
  const outline = getComputedStyle(e);
  const seen = outline.outlineStyle === "solid" && parseFloat(outline.outlineWidth) >= 2;
  return [e.id || e.textContent.trim(), seen];
}"""

# Whether a user sees the middle of the button with this text.
CHOICES = ("scope-1", "scope-2", "scope-3")
UNCOVERED = """(text) => {
  const button = [...document.querySelectorAll("button")].find((b) => b.textContent === text);
  const box = button.getBoundingClientRect();
  return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === button;
}"""


@proves("S36", "accepts", "pages cannot be framed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_every_state_fits_reads_well_can_be_touched_and_breaks_no_policy(
    browser: Browser, origin: str, size: ViewportSize, scheme: ColorScheme
) -> None:
    with new_page(browser, size, scheme) as watched:
        for name in STATES:
            watched.page.goto(f"{origin}/state/{name}")
            assert watched.page.evaluate(JUDGED) == [], name
    assert [c for c in watched.complaints if not c.startswith(EXPECTED)] == []


def test_every_state_fits_the_narrowest_screen(browser: Browser, origin: str) -> None:
    with new_page(browser, {"width": 320, "height": 256}) as watched:
        for name in STATES:
            watched.page.goto(f"{origin}/state/{name}")
            assert watched.page.evaluate("document.documentElement.scrollWidth") == 320, name


def test_the_whole_consent_is_seen_at_once_on_a_desktop(browser: Browser, origin: str) -> None:
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/state/consent")

        assert watched.page.evaluate("document.documentElement.scrollHeight") == 800


def test_consent_begins_at_its_top_on_a_phone(browser: Browser, origin: str) -> None:
    with new_page(browser, PHONE) as watched:
        watched.page.goto(f"{origin}/state/consent")

        watched.page.wait_for_function("document.activeElement.tagName === 'H1'")
        assert watched.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("state", ["consent", "consent-long", "consent-many-scopes"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_allow_is_in_reach_without_scrolling_however_long_the_list_is(
    browser: Browser, origin: str, size: ViewportSize, state: str
) -> None:
    with new_page(browser, size) as watched:
        watched.page.goto(f"{origin}/state/{state}")

        assert watched.page.evaluate(UNCOVERED, "Allow")
        assert watched.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("state", ["consent-long", "consent-many-scopes"])
def test_the_answers_cover_nothing_that_has_the_focus_or_ends_the_page(
    browser: Browser, origin: str, state: str
) -> None:
    with new_page(browser, PHONE) as watched:
        watched.page.goto(f"{origin}/state/{state}")
        watched.page.wait_for_function("document.activeElement.tagName === 'H1'")
        assert not watched.page.evaluate(UNCOVERED, "Use another account")
        for _ in range(watched.page.get_by_role("checkbox").count() + 1):
            watched.page.keyboard.press("Tab")
        assert watched.page.evaluate(UNCOVERED, "Use another account")

        watched.page.keyboard.press("End")
        watched.page.wait_for_function(
            "scrollY + innerHeight >= document.documentElement.scrollHeight - 1"
        )
        assert watched.page.evaluate(UNCOVERED, "Use another account")


def test_a_low_screen_keeps_its_height_for_reading(browser: Browser, origin: str) -> None:
    with new_page(browser, {"width": 740, "height": 360}) as watched:
        watched.page.goto(f"{origin}/state/consent-many-scopes")

        assert not watched.page.evaluate(UNCOVERED, "Allow")


@pytest.mark.parametrize(
    ("state", "stops"),
    [
        ("sign-in", ["username", "password", "Sign in"]),
        ("sign-in-wrong", ["password", "Sign in"]),
        ("consent", ["Allow this application?", *CHOICES, "Use another account", "Deny", "Allow"]),
        ("consent-app", ["Allow this application?", *CHOICES, "Deny", "Allow"]),
        ("consent-no-scopes", ["Allow this application?", "Use another account", "Deny", "Allow"]),
        ("continue", ["Open the application"]),
    ],
)
def test_tab_goes_through_a_page_in_reading_order_and_shows_where_it_is(
    browser: Browser, origin: str, state: str, stops: list[str]
) -> None:
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/state/{state}")
        watched.page.wait_for_function("document.activeElement !== document.body")
        met = []
        for _ in stops:
            name, seen = watched.page.evaluate(FOCUSED)
            met.append(name)
            assert seen or name == "Allow this application?", name
            watched.page.keyboard.press("Tab")

    assert met == stops


def test_what_support_needs_is_selected_by_reaching_it(browser: Browser, origin: str) -> None:
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/state/error")
        selected = []
        for _ in range(2):
            watched.page.keyboard.press("Tab")
            selected.append(watched.page.evaluate("getSelection().toString()"))

    assert selected == ["unknown-client", "5d3a0f6c1b9e4d7f8a2b6c0e9f1d3b57"]


@proves("S35", "refuses", "hostile text on pages")
def test_a_name_with_a_bidi_override_is_drawn_in_the_order_it_was_written(
    browser: Browser, origin: str
) -> None:
    with new_page(browser, DESKTOP) as watched:
        watched.page.goto(f"{origin}/state/consent-hostile")

        assert "“Mail kcatta<script>window.broken=1</script> 'N'”" in watched.page.inner_text(
            "main"
        )
        assert watched.page.evaluate("typeof window.broken") == "undefined"
    assert watched.complaints == []


@proves("S36", "refuses", "pages cannot be framed")
def test_a_page_cannot_be_framed(browser: Browser, origin: str) -> None:
    async def frame(request: Request) -> Response:
        return HTMLResponse(f'<iframe src="{origin}/state/consent" width="900"></iframe>')

    framing = Starlette(routes=[Route("/", frame)])
    with served(framing) as elsewhere, new_page(browser, DESKTOP) as watched:
        watched.page.goto(elsewhere)
        framed = watched.page.frames[1]

        assert framed.locator("button").count() == 0
    assert any("frame-ancestors" in complaint for complaint in watched.complaints)
