"""Strict JSON: only documents that all parsers read alike are accepted."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from doorward.wire import strict_json
from doorward.wire.strict_json import NotStrictJson, parse, parse_by_reference, parse_object
from tests.ledger import proves


@proves("S132", "accepts", "strict encodings")
@proves("S151", "accepts", "one reading per message")
@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b":[true,null,"x:y"]}',
        '{"url":"https://a.example:8443/b?c=d"}',
        '{"a":{"a":1},"b":{"a":2}}',
        '{"a":"line\\nbreak and a \\"quote\\""}',
        '{"a":"\\u003a\\u00e9"}',
        '"é漢字"',
        " [1, 2.5, -0, 1e5] ",
        "123456789012345678901234567890",
        "{}",
    ],
)
def test_plain_json_is_parsed_as_by_the_standard_library(text: str) -> None:
    assert parse(text.encode()) == json.loads(text)


@proves("S132", "refuses", "strict encodings")
@proves("S151", "refuses", "one reading per message")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":1,"a":2}', id="duplicate-member"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="duplicate-member-escaped"),
        pytest.param(b'{"a":{"b":1,"b":1}}', id="duplicate-member-deep"),
        pytest.param(b'{"a":{"x":":"},"a":"\\u003a"}', id="duplicate-behind-escaped-colons"),
        pytest.param(b'[{"a":1},{"b":1,"b":2}]', id="duplicate-member-in-a-list"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="utf-16-without-mark"),
        pytest.param(b'{"a":"\xff"}', id="not-utf-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate-in-utf-8"),
        pytest.param(b'"\\ud800"', id="lone-surrogate"),
        pytest.param(b'{"\\udc00":1}', id="lone-surrogate-as-a-name"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param(b'{"a":1e999}', id="a-number-that-becomes-infinity"),
        pytest.param(b"{} {}", id="two-values"),
        pytest.param(b"{}x", id="trailing-text"),
        pytest.param(b"[1,]", id="trailing-comma"),
        pytest.param(b"{'a':1}", id="single-quotes"),
        pytest.param(b'{"a":"\x00"}', id="raw-nul"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[" * 65 + b"]" * 65, id="65-levels"),
        pytest.param(b"[" * 100_000, id="unbounded-nesting"),
        pytest.param(b"1" * 5000, id="a-number-of-5000-digits"),
    ],
)
def test_ambiguous_or_malformed_json_is_refused(data: bytes) -> None:
    with pytest.raises(NotStrictJson):
        parse(data)


def test_nesting_beyond_the_limit_is_refused() -> None:
    assert parse(b"[" * 64 + b"]" * 64) == parse_by_reference(b"[" * 64 + b"]" * 64)
    assert parse(b"[[1]]", deepest=2) == [[1]]
    with pytest.raises(NotStrictJson):
        parse(b"[[[1]]]", deepest=2)


def test_many_small_objects_do_not_count_as_nesting() -> None:
    many = b"[" + b",".join([b'{"a":{}}'] * 500) + b"]"

    assert len(parse(many)) == 500


@pytest.mark.parametrize("data", [b"[]", b'"a"', b"1", b"null"])
def test_only_an_object_is_accepted_where_one_is_expected(data: bytes) -> None:
    with pytest.raises(NotStrictJson):
        parse_object(data)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.sampled_from('a:{}[]",\\\n é\u2028'), max_size=6)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet=':ab"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def _verdict(read: Any, data: bytes) -> tuple[str, Any]:
    try:
        return ("read", read(data))
    except NotStrictJson:
        return ("refused", None)


@given(_VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_the_fast_path_parses_every_value_as_the_reference_does(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert parse(data) == parse_by_reference(data) == value


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(st.sampled_from(['"a"', '"b:"', '"\\u003a"', ":", ",", "{", "}", "[", "]", "1"])))
@example(['{"a"', ":", "1", ",", '"a"', ":", "1", "}"])
def test_the_fast_path_refuses_whatever_the_reference_refuses(pieces: list[str]) -> None:
    data = "".join(pieces).encode()

    assert _verdict(parse, data) == _verdict(parse_by_reference, data)


_MEMBERS = st.recursive(
    st.sampled_from(["1", '":"', '"\\u003a"', '"x"']),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(['"a"', '"b"', '"a:"', '"\\u0061"']), inner), max_size=3
    ).map(lambda pairs: "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=400)
@given(_MEMBERS)
def test_the_fast_path_finds_every_duplicate_member_that_the_reference_finds(text: str) -> None:
    assert _verdict(parse, text.encode()) == _verdict(parse_by_reference, text.encode())


@proves("S231", "refuses", "time and page limits")
@pytest.mark.parametrize("value", ["{}", "[]", "1", '"ab"', '{"a":1}', '"\\""', '"\\\\"'])
def test_more_values_than_the_limit_are_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_json, "MOST_VALUES", 100)

    with pytest.raises(NotStrictJson, match="more than 100 values"):
        parse(f'{{"a":[{",".join([value] * 101)}]}}'.encode())


@proves("S231", "accepts", "time and page limits")
@pytest.mark.parametrize("text", ["{" * 500, ",[" * 500, '\\",{' * 500, "\\" * 501 + ",{[" * 200])
def test_punctuation_inside_a_string_is_not_counted(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_json, "MOST_VALUES", 100)

    assert parse(json.dumps({"a": text, "b": [1] * 90}).encode())["a"] == text


@proves("S231", "refuses", "time and page limits")
@pytest.mark.parametrize("text", ['"' + '\\"' * 500, '"' * 501 + "," * 200, '"\\'])
def test_an_unterminated_string_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "MOST_VALUES", 1)

    with pytest.raises(NotStrictJson):
        parse(b"[" + text.encode())
