"""The schema of plain types equals that of pydantic, byte for byte."""

import inspect
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from doorward.mcp_server.schemas.plain_schema import Parameter, plain_schema
from doorward.mcp_server.schemas.pydantic_types import adapter_of, schema_of

NONE_GIVEN = inspect.Parameter.empty

_PLAIN: st.SearchStrategy[Parameter] = st.one_of(
    st.tuples(st.sampled_from([int, str, bool, float]), st.sampled_from([NONE_GIVEN, None])),
    st.tuples(st.just(int), st.integers(-(2**63), 2**63)),
    st.tuples(st.just(str), st.text(st.characters(exclude_categories=["Cs"]))),
    st.tuples(st.just(bool), st.booleans()),
    st.tuples(st.just(float), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(float), st.integers(-(2**63), 2**63)),
)


@given(st.dictionaries(st.text("abcxyz_", min_size=1), _PLAIN, max_size=5))
def test_the_plain_schema_equals_the_schema_of_pydantic(declared: dict[str, Parameter]) -> None:
    ours = plain_schema(declared, additionalProperties=False)
    theirs = schema_of(adapter_of("function", declared))

    # As text: clients keep lists by what they look like, and the order of members is part of that.
    assert json.dumps(ours) == json.dumps(theirs)


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, True),
        (int, "x"),
        (bool, 1),
        (str, Field(max_length=3)),
        (float, float("inf")),
        (float, float("nan")),
        (float, True),
        (Annotated[int, Field(ge=0)], NONE_GIVEN),
        (int | None, NONE_GIVEN),
        (list[int], NONE_GIVEN),
        (Any, NONE_GIVEN),
        (dict, NONE_GIVEN),
    ],
)
def test_an_annotation_beyond_a_plain_type_has_no_plain_schema(
    annotation: Any, default: Any
) -> None:
    assert plain_schema({"a": (int, NONE_GIVEN), "b": (annotation, default)}) is None
