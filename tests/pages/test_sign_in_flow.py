"""From an authorization request to the callback, on the real server, as people go through it."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response, ViewportSize, expect
from starlette.responses import RedirectResponse

from doorward.authserver.pages.pages import SECURITY_HEADERS
from tests.ledger import proves
from tests.pages.browser import DESKTOP, SIZES, Watched, new_page, served
from tests.pages.real_server import PASSWORDS, Program, real_server

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"


@pytest.fixture(scope="module")
def running() -> Iterator[Program]:
    """Give the program and the server behind it."""
    with real_server() as program:
        yield program


@pytest.fixture
def program(running: Program) -> Program:
    """Give the program as a client that nobody has agreed to yet."""
    running.answers.clear()
    running.register()
    return running


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Give a fresh page on a desktop."""
    with new_page(browser, DESKTOP) as page:
        yield page


def sign_in(page: Page, name: str = "alice", password: str | None = None) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password or PASSWORDS[name])
    page.get_by_role("button", name="Sign in").click()


def decide(page: Page, answer: str) -> None:
    """Press Allow or Deny."""
    page.get_by_role("button", name=answer, exact=True).click()


def arrive(page: Page, program: Program) -> dict[str, str]:
    """Wait for the callback, and return what it was given."""
    page.wait_for_url(re.compile(re.escape(program.redirect_uri) + r"\?"))
    return program.answers[-1]


def state_of(url: str) -> str:
    """Return the ``state`` of an authorization request."""
    return parse_qs(urlsplit(url).query)["state"][0]


@proves("S36", "accepts", "pages cannot be framed")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_a_person_signs_in_allows_and_lands_at_the_program_with_a_code_that_works(
    browser: Browser, program: Program, size: ViewportSize
) -> None:
    url = program.authorize_url()
    with new_page(browser, size) as watched:
        watched.page.goto(url)
        sign_in(watched.page)
        decide(watched.page, "Allow")
        answer = arrive(watched.page, program)
        assert watched.complaints == []

    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == state_of(url)
    assert answer["iss"] == program.issuer
    token = program.redeem(answer["code"])
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "mcp:read mcp:tools"


@proves("S34", "accepts", "what the consent page shows")
def test_the_consent_page_of_a_real_request_says_everything(
    watched: Watched, program: Program
) -> None:
    program.register("Inspector\u202e <b>")
    watched.page.goto(program.authorize_url())
    sign_in(watched.page)

    said = watched.page.locator("main").inner_text()
    for words in (
        "It calls itself “Inspector <b>”",
        f"Back to this computer, 127.0.0.1:{urlsplit(program.redirect_uri).port}",
        "Any program on this computer can make this request.",
        "Use its tools mcp:tools new",
        "Harbour tools",
        program.resource,
        "alice",
    ):
        assert words in said


def test_keyboard_alone_is_enough(watched: Watched, program: Program) -> None:
    page, keys = watched.page, watched.page.keyboard
    page.goto(program.authorize_url())
    expect(page.get_by_label("Username")).to_be_focused()
    keys.type("alice")
    keys.press("Tab")
    keys.type(PASSWORDS["alice"])
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Allow this application?")).to_be_focused()
    for choice in page.get_by_role("checkbox").all():
        keys.press("Tab")
        expect(choice).to_be_focused()
    for stop in ("Use another account", "Deny", "Allow"):
        keys.press("Tab")
        expect(page.get_by_role("button", name=stop, exact=True)).to_be_focused()
    keys.press("Enter")

    assert "code" in arrive(page, program)


def test_a_permission_that_is_left_out_is_not_in_the_token(
    watched: Watched, program: Program
) -> None:
    watched.page.goto(program.authorize_url())
    sign_in(watched.page)
    watched.page.get_by_role("checkbox", name="Use its tools").uncheck()
    decide(watched.page, "Allow")

    assert program.redeem(arrive(watched.page, program)["code"])["scope"] == "mcp:read"


def test_a_wrong_password_is_told_and_the_name_is_kept(watched: Watched, program: Program) -> None:
    page = watched.page
    page.goto(program.authorize_url())
    sign_in(page, "alice", "wrong")

    expect(page.get_by_role("alert")).to_contain_text("Wrong username or password")
    expect(page.get_by_label("Username")).to_have_value("alice")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORDS["alice"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Allow this application?")).to_be_visible()
    assert program.answers == []


def test_deny_is_told_to_the_program(watched: Watched, program: Program) -> None:
    url = program.authorize_url()
    watched.page.goto(url)
    sign_in(watched.page)
    decide(watched.page, "Deny")
    answer = arrive(watched.page, program)

    assert answer["error"] == "access_denied"
    assert answer["state"] == state_of(url)
    assert answer["iss"] == program.issuer
    assert "code" not in answer


@proves("S33", "accepts", "consent is remembered narrowly")
def test_what_was_allowed_is_confirmed_with_one_click(watched: Watched, program: Program) -> None:
    watched.page.goto(program.authorize_url())
    sign_in(watched.page)
    decide(watched.page, "Allow")
    first = arrive(watched.page, program)

    watched.page.goto(program.authorize_url())
    expect(
        watched.page.get_by_role("heading", name="Continue to this application?")
    ).to_be_visible()
    decide(watched.page, "Allow")
    second = arrive(watched.page, program)

    assert second["code"] != first["code"]
    assert len(program.answers) == 2


@proves("S201", "refuses", "no silent cross-site consent")
def test_a_redirect_from_another_site_ends_at_a_page(watched: Watched, program: Program) -> None:
    watched.page.goto(program.authorize_url())
    sign_in(watched.page)
    decide(watched.page, "Allow")
    arrive(watched.page, program)

    # A client opens the address of a malicious server, which redirects to the honest one. Chromium
    # sends "Sec-Fetch-Site: none" to both, because no web page started the navigation.
    with served(RedirectResponse(program.authorize_url())) as elsewhere:
        watched.page.goto(elsewhere.replace("127.0.0.1", "localhost"))

    expect(
        watched.page.get_by_role("heading", name="Continue to this application?")
    ).to_be_visible()
    assert len(program.answers) == 1


@proves("S33", "refuses", "consent is remembered narrowly")
def test_what_was_allowed_to_one_program_is_asked_again_for_another(
    watched: Watched, program: Program
) -> None:
    watched.page.goto(program.authorize_url())
    sign_in(watched.page)
    decide(watched.page, "Allow")
    arrive(watched.page, program)
    program.register()

    watched.page.goto(program.authorize_url())

    expect(watched.page.get_by_role("heading", name="Allow this application?")).to_be_visible()
    assert len(program.answers) == 1


@proves("S33", "refuses", "consent is remembered narrowly")
def test_only_what_is_new_is_marked_when_a_program_asks_for_more(
    watched: Watched, program: Program
) -> None:
    watched.page.goto(program.authorize_url(scope="mcp:read"))
    sign_in(watched.page)
    decide(watched.page, "Allow")
    arrive(watched.page, program)

    watched.page.goto(program.authorize_url())

    marked = watched.page.get_by_role("listitem").filter(has=watched.page.locator(".new"))
    expect(watched.page.get_by_role("listitem")).to_have_count(2)
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("mcp:tools")


def test_somebody_else_can_take_over_at_the_consent_page(
    watched: Watched, program: Program
) -> None:
    page = watched.page
    page.goto(program.authorize_url())
    sign_in(page)
    page.get_by_role("button", name="Use another account").click()
    sign_in(page, "bob")

    expect(page.locator(".account")).to_contain_text("bob")
    decide(page, "Allow")
    assert "code" in arrive(page, program)


@proves("S36", "accepts", "pages cannot be framed")
def test_an_application_with_its_own_scheme_is_opened_from_a_page_that_stays(
    watched: Watched, program: Program
) -> None:
    listening_at = program.redirect_uri
    program.register("Nice Editor", CURSOR)
    url = program.authorize_url()
    watched.page.goto(url)
    sign_in(watched.page)
    said = watched.page.locator("main").inner_text()
    assert "An app on this device, through cursor:" in said
    with watched.page.expect_request(re.compile("^cursor:")) as opened:
        decide(watched.page, "Allow")
    program.redirect_uri = listening_at

    link = watched.page.get_by_role("link", name="Open the application")
    expect(link).to_be_focused()
    assert link.get_attribute("href") == opened.value.url
    given = parse_qs(urlsplit(opened.value.url).query)
    assert given["state"] == [state_of(url)]
    assert given["iss"] == [program.issuer]
    assert len(given["code"]) == 1
    assert watched.complaints == []


@proves("S27", "refuses", "a replayed authorization request")
def test_going_back_after_the_end_leads_to_a_page_that_helps(
    watched: Watched, program: Program
) -> None:
    page = watched.page
    page.goto(program.authorize_url())
    sign_in(page)
    decide(page, "Allow")
    arrive(page, program)

    page.go_back()

    expect(page.get_by_role("heading", level=1)).to_have_text("This page has expired")
    expect(page.get_by_role("button", name="Allow", exact=True)).to_have_count(0)
    expect(page.get_by_text("What you can do")).to_be_visible()
    expect(page.get_by_label("ID", exact=True)).to_have_value(re.compile("^[0-9a-f]{16}$"))
    assert len(program.answers) == 1


@proves("S38", "refuses", "deny, and decide once")
def test_an_answer_that_is_sent_again_gives_no_second_code(
    watched: Watched, program: Program
) -> None:
    page = watched.page
    page.goto(program.authorize_url())
    sign_in(page)
    with page.expect_request(lambda sent: sent.method == "POST") as sent:
        decide(page, "Allow")
    arrive(page, program)

    again = page.request.post(
        f"{program.issuer}/consent",
        data=sent.value.post_data or "",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        max_redirects=0,
    )

    assert again.status in (400, 403)
    assert "location" not in again.headers
    assert "<h1" in again.text()
    assert len(program.answers) == 1


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"client_id": "nobody"}, "This application is not known here"),
        ({"redirect_uri": "https://impostor.example/cb"}, "This request was refused"),
    ],
)
def test_a_request_that_must_not_be_answered_elsewhere_ends_on_a_page_of_ours(
    watched: Watched, program: Program, changes: dict[str, str], title: str
) -> None:
    answer = watched.page.goto(program.authorize_url(**changes))

    assert answer is not None
    assert answer.status == 400
    expect(watched.page.get_by_role("heading", level=1)).to_have_text(title)
    expect(watched.page.get_by_text("What you can do")).to_be_visible()
    assert watched.page.url.startswith(program.issuer)


@proves("S24", "accepts", "security headers at authorize")
def test_every_answer_on_the_way_keeps_itself_private(watched: Watched, program: Program) -> None:
    answers: list[Response] = []
    watched.page.on("response", lambda answer: answers.append(answer))
    watched.page.goto(program.authorize_url())
    sign_in(watched.page)
    decide(watched.page, "Allow")
    arrive(watched.page, program)

    ours = [a for a in answers if a.url.startswith(program.issuer)]
    assert [a.status for a in ours] == [200, 303, 200, 303]
    for answer in ours:
        for name in ("Referrer-Policy", "Cache-Control", "X-Content-Type-Options"):
            assert answer.headers[name.lower()] == dict(SECURITY_HEADERS)[name]
        if answer.status == 200:
            for name, value in SECURITY_HEADERS:
                assert answer.headers[name.lower()] == value
