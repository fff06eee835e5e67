"""Misleading characters are escaped for terminals and removed from pages."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.authserver.pages import safe_text as neutral
from doorward.wire.safe_text import LONGEST_LINE, seen, visible, visible_line
from tests.ledger import proves

UNSEEN = [
    pytest.param("a\u202eb", "a\\u202eb", id="turned-round"),
    pytest.param("a\u2066b", "a\\u2066b", id="isolated"),
    pytest.param("a\u200bb", "a\\u200bb", id="zero-width-space"),
    pytest.param("a\u200db", "a\\u200db", id="joiner"),
    pytest.param("a\ufeffb", "a\\ufeffb", id="byte-order-mark"),
    pytest.param("a\u00adb", "a\\xadb", id="soft-hyphen"),
    pytest.param("a\u3164b", "a\\u3164b", id="filler"),
    pytest.param("a\u2800b", "a\\u2800b", id="braille-blank"),
    pytest.param("a\u034fb", "a\\u034fb", id="grapheme-joiner"),
    pytest.param("a\ufe0fb", "a\\ufe0fb", id="variation"),
    pytest.param("a\U000e0041b", "a\\U000e0041b", id="tag"),
    pytest.param("a\U000e0101b", "a\\U000e0101b", id="ideographic-variation"),
    pytest.param("a\ue000b", "a\\ue000b", id="private"),
    pytest.param("a\u0378b", "a\\u0378b", id="unassigned"),
    pytest.param("a\ud800b", "a\\ud800b", id="surrogate"),
    pytest.param("a\u2028b", "a\\u2028b", id="line-separator"),
    pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="escape"),
    pytest.param("a\x9bb", "a\\x9bb", id="control-sequence"),
    pytest.param("\u0301a", "\\u0301a", id="a-mark-on-our-text"),
    pytest.param('"\u0301a', '"\\u0301a', id="a-mark-on-a-quotation-mark"),
    pytest.param("x\u0302\u0302\u0302", "x\u0302\u0302\\u0302", id="a-tower-of-marks"),
    pytest.param("d\u0336", "d\\u0336", id="struck-through"),
]
SEEN = [
    "plain text",
    "two\nlines\tand tabs",
    "déjà vu, naïve, Ångström",
    "Привет, хор",
    "日本語 한국어 中文：使用API",
    "שלום مرحبا",
    "Tiếng Việt",
    "สวัสดี API",
    "नमस्ते",
    "≠ ½ € → “quoted” … 👍",
    "5 μm, Δx = 3 π",
]
LOOK_ALIKE = [
    pytest.param("p\u0430ypal", "p\\u0430ypal", id="cyrillic-in-latin"),
    pytest.param("\u0430\u0440\u0440\u04cf\u0435", None, id="a-whole-word"),
    pytest.param("Sign in to \u0430\u0440\u0440\u04cf\u0435 now", None, id="a-word-in-a-sentence"),
    pytest.param("g\u03bf\u03bfgle", "g\\u03bf\\u03bfgle", id="greek-in-latin"),
    pytest.param("\u0261oogle", "\\u0261oogle", id="phonetic"),
    pytest.param("\uff50aypal", "\\uff50aypal", id="full-width"),
    pytest.param("\U0001d429aypal", "\\U0001d429aypal", id="mathematical"),
    pytest.param("paypa\u217c", "paypa\\u217c", id="a-roman-numeral"),
    pytest.param("\u13a2nc", "\\u13a2nc", id="cherokee"),
    pytest.param("bank.example\u2215x", "bank.example\\u2215x", id="a-slash-of-another-kind"),
    pytest.param("bank\uff0eexample", "bank\\uff0eexample", id="a-full-stop-of-another-kind"),
]


@proves("S233", "refuses", "invisible characters")
@pytest.mark.parametrize(("text", "shown"), UNSEEN)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible_line(text) == shown


@proves("S233", "refuses", "invisible characters")
@pytest.mark.parametrize(("text", "shown"), UNSEEN)
def test_invisible_characters_are_removed_from_pages(text: str, shown: str) -> None:
    unseen = {char for char, fit in seen(unicodedata.normalize("NFC", text)) if not fit}

    left = neutral.plain(text)

    assert shown != text
    # Of a tower of marks the first two stay.
    assert unseen.isdisjoint(left) or left.count("\u0302") == 2


@proves("S233", "accepts", "invisible characters")
@pytest.mark.parametrize("text", SEEN)
def test_ordinary_text_of_many_languages_is_unchanged(text: str) -> None:
    assert visible(text) == unicodedata.normalize("NFC", text)
    assert visible_line(text) == " ".join(unicodedata.normalize("NFC", text).split())


@proves("S233", "refuses", "invisible characters")
@pytest.mark.parametrize(("text", "shown"), LOOK_ALIKE)
def test_lookalike_letters_are_escaped_in_a_line(text: str, shown: str | None) -> None:
    spelled = visible_line(text)

    assert spelled.isascii()
    assert shown is None or spelled == shown
    assert visible(text) == text


def test_escaping_a_line_twice_changes_nothing() -> None:
    for text in ("\u202eПривет", "p\u0430ypal \x1b", "aЖ хор", "\U0001d41aЖ"):
        assert visible_line(visible_line(text)) == visible_line(text)


def test_an_unusual_space_becomes_an_ordinary_space() -> None:
    assert visible("a\u00a0b\u3000c") == "a b c"


def test_a_long_line_is_truncated_unless_it_has_no_limit() -> None:
    assert len(visible_line("x" * 10_000)) == LONGEST_LINE
    assert visible_line("x" * 10_000).endswith("…")
    assert len(visible_line("x" * 10_000, None)) == 10_000


# Few alphabets, so that they meet in one word.
@given(
    st.text()
    | st.text(
        "ab1 \\u\u0301\u202e\u00a0/."
        "\u0430\u0436\u03bd\u03bb\u0585\uff11\U0001d41a\u0261\u2215\u4e2d"
    )
)
def test_an_escaped_line_has_only_visible_characters(text: str) -> None:
    shown = visible_line(text)

    assert all(fit for _, fit in seen(shown))
    assert "\n" not in shown
