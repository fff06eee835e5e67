"""What people answer arrives, by mouse and by keyboard, and the redirect that follows gets through.

Chromium holds the redirect after a POST to ``form-action``. These tests see that ours passes to
each kind of callback, and that they would notice if it did not.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from doorward.authserver.pages.pages import SECURITY_HEADERS, render
from tests.ledger import proves
from tests.pages.browser import DESKTOP, PHONE, Watched, new_page, served
from tests.pages.gallery import gallery
from tests.pages.states import CONSENT, CONTINUE, SIGN_IN

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

# Every scope is chosen until somebody takes it away.
CHOICES = {f"scope.{scope.name}": "1" for scope in CONSENT.scopes}
APP_CALLBACK = "nice-editor://anysphere.mcp/oauth/callback?code=abc"


async def _callback(request: Request) -> Response:
    return PlainTextResponse(f"callback got {request.query_params['code']}")


async def _no_icon(request: Request) -> Response:
    return Response(status_code=204)


CALLBACK = Starlette(routes=[Route("/callback", _callback), Route("/favicon.ico", _no_icon)])


@pytest.fixture(scope="module")
def callback() -> Iterator[str]:
    """Give the address of a program that listens on loopback, on a port of its own."""
    with served(CALLBACK) as address:
        yield f"{address}/callback?code=abc"


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Give a fresh page on a desktop."""
    with new_page(browser, DESKTOP) as page:
        yield page


def wait_for_focus(watched: Watched, name: str) -> None:
    """Wait until the page has given the focus to what it says; it does so after it is drawn."""
    watched.page.wait_for_function(
        "name => [document.activeElement.id, document.activeElement.textContent].includes(name)",
        arg=name,
    )


def answering(to: str) -> Any:
    """Return a gallery whose forms are answered with a redirect to ``to``."""
    action = f"/answer?to={to.replace('?', '%3F').replace('&', '%26')}"
    return gallery(
        {
            "sign-in": replace(SIGN_IN, action=action),
            "consent": replace(CONSENT, action=action, switch_account_action="/answer?to=/state/x"),
            "continue": replace(CONTINUE, target=APP_CALLBACK),
            "x": SIGN_IN,
        }
    )


@proves("S36", "accepts", "pages cannot be framed")
@pytest.mark.parametrize("decision", ["deny", "allow"])
def test_an_answer_reaches_a_program_that_listens_on_this_computer(
    watched: Watched, callback: str, decision: str
) -> None:
    app = answering(callback)
    with served(app) as origin:
        watched.page.goto(f"{origin}/state/consent")
        watched.page.get_by_role("button", name=decision.title(), exact=True).click()
        watched.page.wait_for_url(callback)

    assert watched.page.inner_text("body") == "callback got abc"
    assert app.state.posted == [
        {"transaction": "txn-1f8e", "csrf": "csrf-77", "decision": decision, **CHOICES}
    ]
    assert watched.complaints == []


@proves("S36", "accepts", "pages cannot be framed")
def test_an_answer_reaches_an_application_with_a_scheme_of_its_own(watched: Watched) -> None:
    with served(answering(APP_CALLBACK)) as origin:
        watched.page.goto(f"{origin}/state/consent")
        with watched.page.expect_request(APP_CALLBACK):
            watched.page.get_by_role("button", name="Allow").click()

    # Nobody installed it, so nothing opens; that Chromium went there is what there is to see.
    assert watched.complaints == []


@proves("S36", "accepts", "pages cannot be framed")
def test_the_page_that_leads_on_opens_the_application_by_itself_and_by_its_link(
    watched: Watched,
) -> None:
    with served(answering("/state/continue")) as origin:
        watched.page.goto(f"{origin}/state/consent")
        # Until Chromium has given up on the first, it drops the second, and says nothing.
        with watched.page.expect_event("requestfailed", lambda one: one.url == APP_CALLBACK):
            watched.page.get_by_role("button", name="Allow").click()
        wait_for_focus(watched, "Open the application")
        with watched.page.expect_request(APP_CALLBACK):
            watched.page.keyboard.press("Enter")

    assert watched.page.inner_text("h1") == "You can go back to the application"


@proves("S36", "refuses", "pages cannot be framed")
@pytest.mark.parametrize("to", ["callback", "app"])
def test_these_tests_would_notice_a_policy_that_holds_the_redirect(
    watched: Watched, callback: str, to: str
) -> None:
    app = answering(callback if to == "callback" else APP_CALLBACK)
    headers = dict(SECURITY_HEADERS)
    headers["Content-Security-Policy"] += "; form-action 'self'"

    async def narrowed(request: Request) -> Response:
        action = f"/answer?to={callback if to == 'callback' else APP_CALLBACK}"
        return Response(
            render(replace(CONSENT, action=action)), headers=headers, media_type="text/html"
        )

    app.router.routes.insert(0, Route("/state/consent", narrowed))
    with served(app) as origin:
        watched.page.goto(f"{origin}/state/consent")
        with watched.page.expect_console_message() as refused:
            watched.page.get_by_role("button", name="Allow").click()

    assert "form-action" in refused.value.text


def test_a_person_signs_in_by_keyboard_alone(watched: Watched, callback: str) -> None:
    app = answering(callback)
    with served(app) as origin:
        watched.page.goto(f"{origin}/state/sign-in")
        wait_for_focus(watched, "username")
        watched.page.keyboard.type("alice")
        watched.page.keyboard.press("Tab")
        watched.page.keyboard.type('pass "word" & ü')
        watched.page.keyboard.press("Enter")
        watched.page.wait_for_url(callback)

    assert app.state.posted == [
        {
            "transaction": "txn-1f8e",
            "csrf": "csrf-77",
            "username": "alice",
            "password": 'pass "word" & ü',
        }
    ]


@pytest.mark.parametrize(
    ("tabs", "key", "decision"),
    # The scopes and the other account come before the two answers.
    [(5, "Enter", "deny"), (5, "Space", "deny"), (6, "Enter", "allow")],
)
def test_a_person_decides_by_keyboard_alone(
    watched: Watched, callback: str, tabs: int, key: str, decision: str
) -> None:
    app = answering(callback)
    with served(app) as origin:
        watched.page.goto(f"{origin}/state/consent")
        wait_for_focus(watched, "Allow this application?")
        for _ in range(tabs):
            watched.page.keyboard.press("Tab")
        watched.page.keyboard.press(key)
        watched.page.wait_for_url(callback)

    assert [fields["decision"] for fields in app.state.posted] == [decision]


def test_an_enter_too_many_answers_nothing(watched: Watched) -> None:
    app = answering("/state/consent")
    with served(app) as origin:
        watched.page.goto(f"{origin}/state/sign-in")
        wait_for_focus(watched, "username")
        watched.page.keyboard.type("alice")
        watched.page.keyboard.press("Tab")
        watched.page.keyboard.type("secret")
        watched.page.keyboard.press("Enter")
        watched.page.wait_for_url(f"{origin}/state/consent")
        wait_for_focus(watched, "Allow this application?")
        for key in ("Enter", "Space", "Enter"):
            watched.page.keyboard.press(key)
        watched.page.wait_for_load_state("networkidle")

    assert ["decision" in fields for fields in app.state.posted] == [False]


def test_an_empty_field_is_asked_for_before_anything_is_sent(watched: Watched) -> None:
    app = answering("/state/consent")
    with served(app) as origin:
        watched.page.goto(f"{origin}/state/sign-in")
        wait_for_focus(watched, "username")
        watched.page.keyboard.type("alice")
        watched.page.keyboard.press("Enter")

        assert watched.page.evaluate("document.activeElement.id") == "password"
    assert app.state.posted == []


def test_another_account_is_a_touch_away_on_a_phone(browser: Browser, callback: str) -> None:
    app = answering(callback)
    with served(app) as origin, new_page(browser, PHONE) as phone:
        phone.page.goto(f"{origin}/state/consent")
        phone.page.get_by_role("button", name="Use another account").tap()
        phone.page.wait_for_url(f"{origin}/state/x")

    assert app.state.posted == [{"transaction": "txn-1f8e", "csrf": "csrf-77"}]
