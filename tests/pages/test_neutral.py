"""What strangers call themselves cannot become a different sentence."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.authserver.pages.safe_text import link, plain, quoted, visible_uri
from tests.ledger import proves


@proves("S35", "accepts", "hostile text on pages")
@pytest.mark.parametrize(
    "name",
    [
        "Claude Code",
        "Café Zoë (beta) – v2.1 & friends",
        "北京助手",
        "مساعد",
        "Помощник",
        "Nice 🚪",
    ],
)
def test_an_honest_name_is_shown_as_it_is(name: str) -> None:
    assert plain(name) == name


@proves("S35", "refuses", "hostile text on pages")
@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("Mail\u202ekcatta\u202c", "Mailkcatta", id="bidi-override"),
        pytest.param("a\u2066b\u2069c\u200ed", "abcd", id="bidi-isolate"),
        pytest.param("pay\u200bpal\u2060\ufeff", "paypal", id="zero-width"),
        pytest.param("co\u00adop", "coop", id="soft-hyphen"),
        pytest.param("two\r\nlines\u2028three\u0085four", "two lines three four", id="newlines"),
        pytest.param("\x00\x07\x1b[31mred", "[31mred", id="controls"),
        pytest.param("a\U000e0041\U000e0042b", "ab", id="tag-characters"),
        pytest.param("x\ue000\ud800y", "xy", id="private-use-and-surrogate"),
        pytest.param("\u3164\u2800\u115f \u00a0", "", id="nothing-to-see"),
        pytest.param("  a \t  b  ", "a b", id="padding"),
        pytest.param("e" + "\u0316" * 50, "e\u0316\u0316", id="tower-of-marks"),
    ],
)
def test_what_cannot_be_seen_is_not_shown(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@proves("S35", "refuses", "hostile text on pages")
@pytest.mark.parametrize("raw", ["w" * 10_000, "many words " * 1_000, "\u200b" * 700 + "x"])
def test_a_long_name_is_cut_and_says_so(raw: str) -> None:
    shown = plain(raw, 80)

    assert len(shown) <= 80
    assert shown.endswith("…")


@proves("S35", "refuses", "hostile text on pages")
def test_a_name_cannot_close_the_quotation_marks_around_it() -> None:
    assert quoted('N” — checked by your bank “, "so" «there»') == (
        "N' — checked by your bank ', 'so' 'there'"
    )


@settings(deadline=None)
@given(st.text(), st.integers(min_value=2, max_value=120))
def test_whatever_comes_is_one_visible_line(text: str, limit: int) -> None:
    shown = plain(text, limit)

    assert len(shown) <= limit
    assert shown == " ".join(shown.split())
    assert not [c for c in shown if unicodedata.category(c)[0] == "C"]
    assert plain(shown, limit) == shown


@settings(deadline=None)
@given(st.text(), st.integers(min_value=20, max_value=200))
def test_an_address_is_shown_in_plain_ascii(uri: str, limit: int) -> None:
    shown = visible_uri(uri, limit)

    assert len(shown) <= limit
    assert all("!" <= c <= "~" or c == "…" for c in shown)


@proves("S35", "accepts", "hostile text on pages")
def test_an_ordinary_address_is_shown_whole() -> None:
    uri = "https://app.example:8443/a%20b/cb?next=(x)&y='z'#f"

    assert visible_uri(uri) == uri


@proves("S35", "refuses", "hostile text on pages")
@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://app.example/\u202egpj", "https://app.example/%E2%80%AEgpj"),
        ('https://app.example/"><b>', "https://app.example/%22%3E%3Cb%3E"),
        ("https://аpp.example/", "https://%D0%B0pp.example/"),
    ],
)
def test_what_an_address_hides_is_spelled_out(uri: str, shown: str) -> None:
    assert visible_uri(uri) == shown


def test_a_long_address_keeps_its_beginning_and_its_end() -> None:
    shown = visible_uri("https://app.example/" + "x" * 5_000 + "/the-end", 60)

    assert shown.startswith("https://app.example/")
    assert shown.endswith("/the-end")
    assert len(shown) == 60


@proves("S36", "accepts", "pages cannot be framed")
@pytest.mark.parametrize(
    "uri",
    [
        "cursor://anysphere.cursor-mcp/oauth/callback?code=a&state=b%20c",
        "com.example.app:/callback?code=a",
        "http://127.0.0.1:1234/cb?code=a",
        "https://app.example/cb",
    ],
)
def test_a_callback_may_be_led_to_by_a_link(uri: str) -> None:
    assert link(uri) == uri


@proves("S36", "refuses", "pages cannot be framed")
@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://x",
        "about:blank",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "app:x\r\ny",
        'app:"onclick=',
        "//host/path",
        "/path",
        "app:",
        "",
    ],
)
def test_what_a_browser_would_run_is_no_link(uri: str) -> None:
    assert link(uri) is None
