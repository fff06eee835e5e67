"""Plain arguments and results skip pydantic, with the same outcome."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.refusals import InvalidArguments
from doorward.mcp_server.schemas.plain_types import are_plain, plain_types
from doorward.mcp_server.schemas.pydantic_types import UntitledSchema, typed_dict, validate
from doorward.mcp_server.schemas.results import ResultSchema, read_result_schema


async def _plain(count: int, name: str, sure: bool = True) -> str:
    return name * count if sure else ""


async def _bounded(count: int = Field(ge=0)) -> int:
    return count


async def _annotated(count: Annotated[int, Field(ge=0)]) -> float:
    return count


SIGNATURE = read_signature(_plain)

_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
_JSON: st.SearchStrategy[Any] = (
    _VALUES | st.text(max_size=4) | st.lists(st.integers(), max_size=1) | st.just({})
)


@given(
    st.dictionaries(st.sampled_from(["count", "name", "sure", "more"]), _JSON, max_size=4)
    | st.fixed_dictionaries({"count": _JSON, "name": _JSON, "sure": _JSON})
    | st.fixed_dictionaries({"count": st.integers(), "name": st.text(), "sure": st.booleans()})
)
def test_values_on_the_fast_path_are_valid_and_unchanged_by_the_validator(
    values: dict[str, Any],
) -> None:
    assert SIGNATURE.plain is not None
    if not are_plain(values, SIGNATURE.plain):
        return
    validator = SIGNATURE.arguments.validator
    judged = validator.validate_json(to_json(values), strict=True)
    assert judged == values
    assert {key: type(one) for key, one in judged.items()} == SIGNATURE.plain


def read_by_pydantic(values: dict[str, Any]) -> Any:
    """Return what pydantic reads, or the text of its refusal."""
    try:
        return validate(SIGNATURE.arguments, values, "json")
    except InvalidArguments as error:
        return str(error)


def read_by_signature(values: dict[str, Any]) -> Any:
    """Return what the function would get, or the text of the refusal."""
    try:
        return SIGNATURE.read(values)
    except InvalidArguments as error:
        return str(error)


@given(
    st.dictionaries(st.sampled_from(["count", "name", "sure", "more"]), _JSON, max_size=4)
    | st.fixed_dictionaries({"count": _JSON, "name": _JSON, "sure": _JSON})
    | st.fixed_dictionaries({"count": st.integers(), "name": st.text(), "sure": st.booleans()})
)
def test_arguments_are_parsed_as_pydantic_parses_them(values: dict[str, Any]) -> None:
    assert read_by_signature(values) == read_by_pydantic(values)


@pytest.mark.parametrize(
    "values",
    [
        {"count": True, "name": "x", "sure": True},
        {"count": 1.0, "name": "x", "sure": True},
        {"count": 1, "name": "x", "sure": 1},
        {"count": 1, "name": None, "sure": True},
        {"count": 1, "name": "x"},
        {"count": 1, "name": "x", "sure": True, "user": "eve"},
        {"count": "1", "name": "x", "sure": True},
    ],
)
def test_other_types_and_missing_values_are_not_plain(values: dict[str, Any]) -> None:
    assert SIGNATURE.plain is not None
    assert not are_plain(values, SIGNATURE.plain)


@pytest.mark.parametrize("function", [_bounded, _annotated])
def test_a_parameter_with_conditions_is_never_plain(function: Any) -> None:
    signature = read_signature(function)

    assert signature.plain is None
    with pytest.raises(ValidationError):
        signature.arguments.validator.validate_json(b'{"count":-1}', strict=True)


def test_only_int_str_and_bool_are_plain_types() -> None:
    assert plain_types({"a": int, "b": str, "c": bool}) == {"a": int, "b": str, "c": bool}
    for annotation in (float, Any, int | None, list[int], dict, None, "int"):
        assert plain_types({"a": int, "b": annotation}) is None


def outcome_of(annotation: Any) -> ResultSchema:
    """Return how results of this type travel."""

    def function() -> Any: ...

    function.__annotations__["return"] = annotation
    return read_result_schema(function)


@given(st.integers() | st.text() | st.booleans())
def test_a_plain_result_is_encoded_as_by_the_general_path(value: Any) -> None:
    outcome = outcome_of(type(value))
    assert outcome.plain is type(value)
    long_way = ResultSchema(outcome.schema, TypeAdapter(type(value)), outcome.wrapped)

    quick, slow = outcome.encode(value), long_way.encode(value)

    assert as_json(quick.content) == as_json(slow.content)
    assert quick.structured is not None
    assert slow.structured is not None
    assert as_json(quick.structured) == as_json(slow.structured)


def test_text_with_a_lone_surrogate_fails_before_the_response_is_encoded() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        outcome_of(str).encode("\udc80")


def as_json(value: Any) -> Any:
    """Return what a client reads."""
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("promised", "value", "message"),
    [
        (int, "many", "integer"),
        (str, 5, "string"),
        (bool, "perhaps", "boolean"),
        (float, "x", "num"),
    ],
)
def test_a_result_of_another_type_than_declared_is_refused(
    promised: type, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        outcome_of(promised).encode(value)


@pytest.mark.parametrize("promised", [int, str, bool, float])
def test_the_schema_of_a_plain_result_equals_that_of_pydantic(promised: type) -> None:
    shape = typed_dict("Result", {"result": promised})
    theirs = TypeAdapter(shape).json_schema(mode="serialization", schema_generator=UntitledSchema)
    theirs.pop("title")

    assert json.dumps(outcome_of(promised).schema) == json.dumps(theirs)


def test_a_float_result_is_encoded_with_or_without_a_fraction() -> None:
    assert outcome_of(float).encode(0.5).structured == {"result": Raw(b"0.5")}
    assert outcome_of(float).encode(2).structured == {"result": Raw(b"2.0")}
    with pytest.raises(ValueError, match="not JSON compliant"):
        outcome_of(float).encode(float("nan"))
