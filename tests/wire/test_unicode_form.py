"""Unicode normal forms, as the standard library gives them but in linear time."""

import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire import unicode_form
from doorward.wire.resource_uri import coarse_form
from doorward.wire.safe_text import visible
from doorward.wire.unicode_form import Form, normalized
from tests.ledger import proves

# Marks of several classes, characters that become marks when decomposed, letters, and Hangul.
ALPHABET = (
    "aé\u0301\u0316\u0323\u0344\u0f71\u0f73\u0f75\u0f81\u1100\u1161\u11a8\uac00\ufb2c\ufdfaΩ①"
)
FORMS: list[Form] = ["NFC", "NFKC"]


class Sorting:
    """``unicodedata``, with a count of the steps that its insertion sort takes."""

    def __init__(self) -> None:
        self.steps = 0

    def normalize(self, form: Any, text: str) -> str:
        marks: list[int] = []
        for part in text:
            kind = unicodedata.combining(part)
            self.steps += sum(before > kind for before in marks) if kind else 0
            marks = [*marks, kind] if kind else []
        return unicodedata.normalize(form, text)

    def combining(self, char: str) -> int:
        return unicodedata.combining(char)


@given(st.text(st.sampled_from(ALPHABET), min_size=100, max_size=400), st.sampled_from(FORMS))
def test_a_long_text_has_the_normal_form_that_the_standard_library_gives(
    text: str, form: Form
) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@given(st.text(min_size=129, max_size=300), st.sampled_from(FORMS))
def test_any_text_has_the_normal_form_that_the_standard_library_gives(
    text: str, form: Form
) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@proves("S231", "refuses", "time and page limits")
@pytest.mark.parametrize(
    "read",
    [
        pytest.param(visible, id="what-a-server-says"),
        pytest.param(lambda text: coarse_form(f"files://{quote(text)}"), id="a-uri-to-judge"),
    ],
)
def test_marks_on_one_letter_are_not_sorted_by_insertion(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorting = Sorting()
    monkeypatch.setattr(unicode_form, "unicodedata", sorting)

    read("a" + "\u0301\u0316" * 500)

    assert sorting.steps == 0


@proves("S231", "accepts", "time and page limits")
def test_a_long_text_is_shown_in_composed_form() -> None:
    assert visible("de\u0301ja\u0300 vu, Tie\u0302\u0301ng Vie\u0323\u0302t " * 50) == (
        "déjà vu, Tiếng Việt " * 50
    )
