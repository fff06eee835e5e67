"""``WWW-Authenticate``, built and read back."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.oauth.challenge import (
    Challenge,
    MalformedChallenge,
    build_challenge,
    parse_challenges,
)


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        pytest.param("Bearer", [("bearer", {}, None)], id="scheme-alone"),
        pytest.param(
            'Bearer resource_metadata="https://a.example/b", scope="a b"',
            [("bearer", {"resource_metadata": "https://a.example/b", "scope": "a b"}, None)],
            id="parameters",
        ),
        pytest.param(
            'Basic realm="x", Bearer error=invalid_token , Scope = "a"',
            [
                ("basic", {"realm": "x"}, None),
                ("bearer", {"error": "invalid_token", "scope": "a"}, None),
            ],
            id="two-challenges",
        ),
        pytest.param(
            "Negotiate abc==, Bearer",
            [("negotiate", {}, "abc=="), ("bearer", {}, None)],
            id="token68",
        ),
        pytest.param(
            'Negotiate, Digest realm="a, b=\\"c\\""',
            [("negotiate", {}, None), ("digest", {"realm": 'a, b="c"'}, None)],
            id="commas-and-quotes-in-a-value",
        ),
        pytest.param(", ,Bearer a=b,,", [("bearer", {"a": "b"}, None)], id="empty-elements"),
        pytest.param('Bearer a=""', [("bearer", {"a": ""}, None)], id="empty-value"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_challenges_are_parsed_by_the_grammar(
    header: str, challenges: list[tuple[str, dict[str, str], str | None]]
) -> None:
    assert parse_challenges(header) == tuple(Challenge(*one) for one in challenges)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Bearer a=b c=d", id="no-comma"),
        pytest.param("Bearer a=b, a=c", id="parameter-twice"),
        pytest.param('Bearer a="b', id="open-quote"),
        pytest.param('Bearer a="b"c', id="text-after-a-quote"),
        pytest.param("Bearer =b", id="no-name"),
        pytest.param('"Bearer"', id="quoted-scheme"),
        pytest.param("Bearer a=b\r\nX: y", id="line-end"),
    ],
)
def test_a_header_outside_the_grammar_is_refused(header: str) -> None:
    with pytest.raises(MalformedChallenge):
        parse_challenges(header)


@given(st.text(max_size=60))
def test_any_header_is_parsed_or_refused_as_malformed(header: str) -> None:
    with suppress(MalformedChallenge):
        assert all(challenge.scheme for challenge in parse_challenges(header))


_PLAIN = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.dictionaries(st.sampled_from(["scope", "error", "error_description", "x"]), _PLAIN))
def test_a_built_challenge_is_parsed_back_unchanged(params: dict[str, str]) -> None:
    built = build_challenge("Bearer", params.items())

    assert parse_challenges(built) == (Challenge("bearer", params),)


@given(st.text(max_size=20))
def test_no_value_can_inject_a_header_or_a_parameter(value: str) -> None:
    built = build_challenge("Bearer", [("a", value), ("b", "1")])

    assert built.isascii()
    assert built.isprintable()
    (challenge,) = parse_challenges(built)
    assert set(challenge.params) == {"a", "b"}
    assert challenge.params["b"] == "1"
