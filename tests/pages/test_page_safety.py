"""What no page can be made to do, whatever strangers write, read back from its bytes."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from doorward.authserver.pages.pages import (
    SECURITY_HEADERS,
    ApplicationCard,
    Page,
    ScopeLine,
    render,
)
from doorward.authserver.pages.safe_text import plain
from tests.ledger import proves
from tests.pages.reading import Document, read
from tests.pages.states import (
    ACCOUNT,
    CONSENT,
    CONTINUE,
    ERROR,
    GRANT,
    HOSTILE,
    MESSAGE,
    SIGN_IN,
    SITE,
    STATES,
)

HEADERS = dict(SECURITY_HEADERS)
every_state = pytest.mark.parametrize("page", STATES.values(), ids=STATES.keys())
INVISIBLE = re.compile("[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def pages_saying(text: str) -> list[Page]:
    """Put ``text`` wherever a page shows words that a stranger chose."""
    client = replace(SITE, name=text, identifier=text)
    consent = replace(
        CONSENT,
        client=client,
        transaction=text,
        csrf=text,
        resource=text,
        resource_name=text,
        scopes=(ScopeLine(name=text, description=text, new=True),),
        username=text,
    )
    sign_in = replace(
        SIGN_IN, client=client, username=text, problem=text, demo_users=(text,), transaction=text
    )
    error = replace(
        ERROR, title=text, explanation=text, what_to_do=text, code=text, correlation_id=text
    )
    message = replace(MESSAGE, title=text, text=text)
    following = replace(CONTINUE, client=client)
    grant = replace(GRANT, resource=text, resource_name=text, browser=text)
    grant = replace(grant, permissions=(ScopeLine(name=text, description=text, new=False),))
    application = ApplicationCard(name=text, identifier=text, identifier_host=None, grants=(grant,))
    account = replace(ACCOUNT, username=text, csrf=text, applications=(application,))
    other: list[Page] = [account, replace(consent, service=text)]
    return [consent, sign_in, error, message, following, *other]


def pages_leading_to(text: str) -> list[Page]:
    """Put ``text`` wherever a page shows an address that a stranger chose."""
    client = replace(SITE, identifier_host=text, redirect_uri=text, redirect_host=text)
    return [
        replace(CONSENT, client=client),
        replace(SIGN_IN, client=client),
        replace(CONTINUE, target=text),
        replace(
            ACCOUNT,
            applications=(replace(ACCOUNT.applications[0], identifier_host=text, identifier=text),),
        ),
    ]


def shape(document: Document) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements and the names of their attributes, without anything they say."""
    return [(e.tag, tuple(e.attributes)) for e in document.elements]


@every_state
def test_a_page_is_a_document_in_a_language_for_any_screen_and_no_search_engine(page: Page) -> None:
    document = read(page)

    assert document.all("html")[0].attributes["lang"] == "en"
    assert document.all("title")[0].text.strip()
    assert len(document.all("h1")) == 1
    assert len(document.all("main")) == 1
    metas = {m.attributes.get("name"): m.attributes.get("content") for m in document.all("meta")}
    assert metas["robots"] == "noindex, nofollow"
    assert metas["viewport"] == "width=device-width, initial-scale=1"


@proves("S36", "refuses", "pages cannot be framed")
@every_state
def test_a_page_has_no_script_and_nothing_that_could_become_one(page: Page) -> None:
    document = read(page)

    assert not {"script", "iframe", "object", "embed", "base", "img", "image", "use"} & {
        e.tag for e in document.elements
    }
    for element in document.elements:
        assert not [name for name in element.attributes if name.startswith("on")]
        assert "style" not in element.attributes
        assert "srcdoc" not in element.attributes


@proves("S36", "accepts", "pages cannot be framed")
def test_the_policy_admits_the_one_style_of_the_pages_and_nothing_else() -> None:
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in HEADERS["Content-Security-Policy"].split(";")
    )

    for page in STATES.values():
        (style,) = read(page).all("style")
        digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
        assert policy["style-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["img-src"] == "data:"
    # Chromium would hold the redirect to the client's callback to it.
    assert "form-action" not in policy


@proves("S36", "refuses", "pages cannot be framed")
@proves("S24", "refuses", "security headers at authorize")
def test_a_page_may_not_be_framed_guessed_at_kept_or_mentioned() -> None:
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]
    assert HEADERS["X-Frame-Options"] == "DENY"
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Referrer-Policy"] == "no-referrer"
    assert HEADERS["Cache-Control"] == "no-store"


@proves("S37", "refuses", "no client logos")
@every_state
def test_a_page_loads_nothing_from_anywhere(page: Page) -> None:
    document = read(page)

    for element in document.elements:
        for name in ("src", "srcset", "poster", "background", "xlink:href"):
            assert name not in element.attributes
    assert [link.attributes["rel"] for link in document.all("link")] == ["icon"]
    assert document.all("link")[0].attributes["href"].startswith("data:image/svg+xml,")
    assert "url(" not in document.all("style")[0].text
    assert "@import" not in document.all("style")[0].text


@proves("S37", "accepts", "no client logos")
def test_an_application_without_a_picture_is_known_by_its_words() -> None:
    document = read(STATES["consent-site"])

    assert "“Tea Room”" in document.text
    assert "tearoom.example" in document.text


@every_state
def test_every_field_that_people_meet_has_a_label(page: Page) -> None:
    document = read(page)
    labelled = {label.attributes["for"] for label in document.all("label")}

    for field in document.all("input"):
        if field.attributes.get("type") != "hidden":
            assert field.attributes["id"] in labelled


@proves("S35", "refuses", "hostile text on pages")
@pytest.mark.parametrize("text", [text for text in HOSTILE if plain(text)])
def test_nothing_that_a_stranger_writes_becomes_markup(text: str) -> None:
    for hostile, harmless in zip(pages_saying(text), pages_saying("harmless"), strict=True):
        assert shape(read(hostile)) == shape(read(harmless))


@proves("S35", "refuses", "hostile text on pages")
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_stranger_writes_runs_hides_or_fills_the_screen(text: str) -> None:
    for page in pages_saying(text) + pages_leading_to(text):
        document = read(page)
        assert not INVISIBLE.search(document.text)
        assert len(document.text) < 3_000
        assert not {"script", "img"} & {e.tag for e in document.elements}
        assert not [a for e in document.elements for a in e.attributes if a.startswith("on")]


@proves("S35", "accepts", "hostile text on pages")
def test_markup_in_a_name_is_shown_as_the_characters_it_is() -> None:
    page = replace(CONSENT, client=replace(SITE, name='<b>Tea</b> & "Co"'))

    assert "It calls itself “<b>Tea</b> & 'Co'”" in read(page).text


@proves("S36", "refuses", "pages cannot be framed")
@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "app:a\r\nb"])
def test_a_target_that_a_browser_would_run_is_neither_linked_nor_followed(target: str) -> None:
    document = read(replace(CONTINUE, target=target))

    assert not document.all("a")
    assert not [m for m in document.all("meta") if "http-equiv" in m.attributes]


@proves("S36", "accepts", "pages cannot be framed")
def test_an_application_is_opened_at_once_and_by_a_link() -> None:
    document = read(CONTINUE)
    target = "nice-editor://anysphere.mcp/oauth/callback?code=abc&state=x%20y&iss=https%3A%2F%2Fa"

    assert [a.attributes["href"] for a in document.all("a")] == [target]
    (refresh,) = [m for m in document.all("meta") if "http-equiv" in m.attributes]
    assert refresh.attributes == {"http-equiv": "refresh", "content": f"0;url={target}"}


def test_a_page_is_small_enough_to_arrive_at_once() -> None:
    for page in STATES.values():
        assert len(render(page)) < 20_000
