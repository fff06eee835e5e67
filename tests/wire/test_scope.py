"""Scope strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.oauth.scope import build_scope, parse_scope

_SCOPE = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1).filter(
    lambda text: '"' not in text and "\\" not in text
)


def test_the_order_of_scopes_does_not_matter() -> None:
    assert parse_scope("b a") == parse_scope("a b") == frozenset({"a", "b"})
    assert build_scope(frozenset({"b", "a"})) == "a b"


def test_an_empty_set_of_scopes_is_the_empty_string() -> None:
    assert parse_scope("") == frozenset()
    assert build_scope(frozenset()) == ""


@given(st.frozensets(_SCOPE))
def test_every_set_of_scopes_can_be_written_and_read(scopes: frozenset[str]) -> None:
    assert parse_scope(build_scope(scopes)) == scopes


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" a", id="leading-space"),
        pytest.param("a ", id="trailing-space"),
        pytest.param("a  b", id="two-spaces"),
        pytest.param("a\tb", id="tab"),
        pytest.param("a\nb", id="newline"),
        pytest.param('a"b', id="quote"),
        pytest.param("a\\b", id="backslash"),
        pytest.param("é", id="not-ascii"),
        pytest.param("a\x00", id="nul"),
    ],
)
def test_a_malformed_scope_string_is_not_parsed(text: str) -> None:
    assert parse_scope(text) is None
