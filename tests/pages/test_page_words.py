"""What the pages say to people, and which fields and which focus they give them."""

from dataclasses import replace

import pytest

from doorward.authserver.pages.pages import ConsentPage, ScopeLine
from tests.ledger import proves
from tests.pages.reading import read
from tests.pages.states import (
    APPLICATION,
    CONSENT,
    ERROR,
    LOOKALIKE,
    SIGN_IN,
    SITE,
    SITE_ON_THIS_COMPUTER,
    STATES,
)


@proves("S34", "accepts", "what the consent page shows")
def test_consent_says_who_asks_where_it_leads_what_it_may_do_on_which_server_and_as_whom() -> None:
    document = read(STATES["consent-site"])

    for words in (
        "It calls itself “Tea Room”",
        "Verified: it is published at tearoom.example",
        "https://tearoom.example/oauth/client.json",
        "Where you will be sent tearoom.example",
        "https://tearoom.example/api/mcp/auth_callback",
        "See what the server offers mcp:read",
        "Use its tools mcp:tools new",
        "On which server Harbour tools",
        "https://tools.example.com/mcp",
        "Signed in as alice",
    ):
        assert words in document.text
    assert "can make this request" not in document.text
    assert not [e for e in document.elements if "warning" in e.attributes.get("class", "").split()]


def test_consent_to_a_sign_in_names_the_account_and_no_server_that_is_called() -> None:
    document = read(STATES["consent-sign-in"])

    assert "It wants to sign you in with your account at Example accounts." in document.text
    assert "Recognize you when you sign in again openid" in document.text
    assert "Where your account is Example accounts" in document.text
    assert "On which server" not in document.text


@proves("S34", "refuses", "what the consent page shows")
def test_consent_warns_when_the_answer_goes_to_this_computer() -> None:
    document = read(CONSENT)

    assert "Back to this computer, localhost:53682" in document.text
    assert "Any program on this computer can make this request." in document.text
    assert "This server has not verified it." in document.text


@proves("S34", "refuses", "what the consent page shows")
def test_a_published_address_is_not_called_verified_when_any_program_can_show_it() -> None:
    document = read(replace(CONSENT, client=SITE_ON_THIS_COMPUTER))

    assert "Verified" not in document.text
    assert "It claims to be from tearoom.example" in document.text
    assert "can make this request, and can claim to be from that address." in document.text


@proves("S34", "refuses", "what the consent page shows")
def test_sign_in_does_not_vouch_for_an_address_that_any_program_can_show() -> None:
    assert "“Tea Room” of tearoom.example" in read(replace(SIGN_IN, client=SITE)).text
    assert "tearoom" not in read(replace(SIGN_IN, client=SITE_ON_THIS_COMPUTER)).text


@proves("S34", "refuses", "what the consent page shows")
def test_consent_warns_when_the_answer_goes_to_whichever_app_claims_the_scheme() -> None:
    document = read(replace(CONSENT, client=APPLICATION))

    assert "An app on this device, through nice-editor:" in document.text
    assert "Any app on this device can receive these links." in document.text


@proves("S82", "refuses", "look-alike client hosts")
def test_consent_spells_out_a_lookalike_and_points_at_the_end_of_a_long_host() -> None:
    document = read(replace(CONSENT, client=LOOKALIKE))

    assert "published at xn--80ak6aa92e.com" in document.text
    assert "It reads “аррӏе.com” and can imitate an address that you know." in document.text
    assert "This address belongs to impostor.example" in document.text


@proves("S82", "accepts", "look-alike client hosts")
def test_consent_says_nothing_more_about_an_ordinary_host() -> None:
    text = read(replace(CONSENT, client=SITE)).text

    assert "This address belongs to" not in text
    assert "can imitate" not in text


def test_a_program_that_gives_no_name_is_said_to_have_none() -> None:
    for name in (None, "", "\u3164\u200b"):
        page = replace(CONSENT, client=replace(SITE, name=name))
        assert "It calls itself an application without a name" in read(page).text


def test_a_scope_without_a_description_is_shown_by_its_name() -> None:
    page = replace(CONSENT, scopes=(ScopeLine(name="odd:scope", description="", new=False),))

    assert "odd:scope" in read(page).text


def test_sign_in_posts_the_fields_that_the_server_reads_and_helps_password_managers() -> None:
    document = read(replace(SIGN_IN, username="alice"))
    fields = {e.attributes.get("name"): e.attributes for e in document.all("input")}

    assert list(fields) == ["transaction", "csrf", "username", "password"]
    assert fields["username"]["autocomplete"] == "username"
    assert fields["username"]["value"] == "alice"
    assert fields["password"]["autocomplete"] == "current-password"
    assert "value" not in fields["password"]
    (form,) = document.all("form")
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/sign-in")


def test_a_problem_is_announced_and_tied_to_the_fields() -> None:
    document = read(STATES["sign-in-wrong"])
    (alert,) = [e for e in document.elements if e.attributes.get("role") == "alert"]

    assert alert.text == "Wrong username or password."
    for element in document.all("input"):
        if element.attributes["type"] != "hidden":
            assert element.attributes["aria-describedby"] == alert.attributes["id"]
            assert element.attributes["aria-invalid"] == "true"


@pytest.mark.parametrize(("username", "focused"), [("", "username"), ("alice", "password")])
def test_the_first_empty_field_has_the_focus(username: str, focused: str) -> None:
    document = read(replace(SIGN_IN, username=username))

    assert [e.attributes["id"] for e in document.elements if "autofocus" in e.attributes] == [
        focused
    ]


def test_no_answer_has_the_focus_when_consent_is_asked() -> None:
    (focused,) = [e for e in read(CONSENT).elements if "autofocus" in e.attributes]

    assert focused.tag == "h1"


@pytest.mark.parametrize("page", [CONSENT, replace(CONSENT, switch_account_action=None)])
def test_consent_posts_one_of_two_answers(page: ConsentPage) -> None:
    document = read(page)

    assert document.named("decision") == ["deny", "allow"]
    actions = [form.attributes["action"] for form in document.all("form")]
    switch = [page.switch_account_action] if page.switch_account_action else []
    assert actions == [page.action, *switch]
    assert document.named("transaction") == ["txn-1f8e"] * len(actions)
    assert document.named("csrf") == ["csrf-77"] * len(actions)
    assert {form.attributes["method"] for form in document.all("form")} == {"post"}


@proves("S79", "accepts", "fetch errors tell nothing")
def test_an_error_page_shows_what_to_do_and_what_to_quote() -> None:
    document = read(ERROR)

    assert "remove this server there, and connect it again" in document.text
    shown = [field.attributes["value"] for field in document.all("input")]
    assert shown == ["unknown-client", "5d3a0f6c1b9e4d7f8a2b6c0e9f1d3b57"]
    assert all("readonly" in field.attributes for field in document.all("input"))
