"""Form parameters, read in exactly one way."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.oauth.parameters import (
    MOST_PARAMETERS,
    MalformedParameters,
    RepeatedParameter,
    parse_parameters,
)
from tests.ledger import proves

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), min_size=1)


@proves("S20", "accepts", "state comes back unchanged")
@given(st.dictionaries(PLAIN, PLAIN, max_size=8))
def test_encoded_parameters_are_parsed_back_unchanged(values: dict[str, str]) -> None:
    parsed = parse_parameters(urlencode(values).encode())

    assert {name: parsed.one(name) for name in values} == values


@proves("S19", "refuses", "no parameter twice at authorize")
@pytest.mark.parametrize(
    "query",
    [
        b"state=1&state=2",
        b"state=1&state=1",
        b"state=&state=1",
        b"st%61te=1&state=2",
        b"client_id&client_id=a",
    ],
)
def test_a_repeated_parameter_is_refused(query: bytes) -> None:
    with pytest.raises(RepeatedParameter) as refusal:
        parse_parameters(query)

    assert refusal.value.wire_error == "invalid_request"


@proves("S19", "accepts", "no parameter twice at authorize")
def test_a_repeatable_parameter_keeps_its_order() -> None:
    parsed = parse_parameters(b"resource=b&resource=a&x=1", repeatable=frozenset({"resource"}))

    assert parsed.all_of("resource") == ("b", "a")
    assert parsed.one("x") == "1"


@proves("S26", "refuses", "oversized or control characters")
@pytest.mark.parametrize(
    "query",
    [
        pytest.param(b"a=%00", id="nul"),
        pytest.param(b"a=x%0d%0aSet-Cookie:b", id="crlf"),
        pytest.param(b"a%0a=x", id="line-feed-in-a-name"),
        pytest.param(b"a=%f", id="half-an-escape"),
        pytest.param(b"a=%zz", id="not-hexadecimal"),
        pytest.param(b"a=%ff", id="not-utf-8"),
        pytest.param(b"a=%ed%a0%80", id="surrogate"),
        pytest.param("a=ü".encode(), id="not-ascii"),
        pytest.param(b"&".join(b"p%d=1" % n for n in range(MOST_PARAMETERS + 1)), id="too-many"),
    ],
)
def test_ambiguous_or_malformed_parameters_are_refused(query: bytes) -> None:
    with pytest.raises(MalformedParameters) as refusal:
        parse_parameters(query)

    assert refusal.value.status == 400


def test_a_parameter_without_a_value_counts_as_absent() -> None:
    parsed = parse_parameters(b"state=&a=1&b")

    assert parsed.one("state") is None
    assert "b" not in parsed


def test_the_repr_of_parameters_does_not_contain_values() -> None:
    assert "hunter2" not in repr(parse_parameters(b"password=hunter2"))
