"""The schemas that a rule can have for arguments: they say what is admitted, and in linear time."""

import time
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.policy import Policy, Rule

REFUSED: dict[str, Any] = {
    "a reference to elsewhere": {"$ref": "https://example.com/schema.json"},
    "a reference within": {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
    "what is not admitted": {"type": "string", "not": {"const": "secret"}},
    "one of several": {"oneOf": [{"type": "string"}]},
    "a default": {"type": "string", "default": "x"},
    "a misspelt keyword": {"type": "integer", "maximun": 5},
    "a number's keyword for any type": {"maximum": 5},
    "a number's keyword for text": {"type": "string", "maximum": 5},
    "a pattern for any type": {"pattern": "^a$"},
    "a pattern without ends": {"type": "string", "pattern": "public"},
    "a pattern without an end": {"type": "string", "pattern": "^public"},
    "a pattern that backtracks": {"type": "string", "pattern": "^(a)\\1$"},
    "a pattern that looks ahead": {"type": "string", "pattern": "^(?=a)a$"},
    "a pattern that is huge": {"type": "string", "pattern": "^(a{1,999}){1,999}$"},
    "a pattern that is broken": {"type": "string", "pattern": "^($"},
    "a pattern that escapes its end": {"type": "string", "pattern": "^a\\$"},
    "a type that is none": {"type": "integr"},
    "an enum that is none": {"enum": "a"},
    "nothing": {},
    "a title alone": {"title": "anything"},
    "a number instead": 5,
    "no finite number": {"type": "number", "maximum": float("inf")},
    "a property with a default of the server": {
        "type": "object",
        "properties": {"a": {"const": 1}},
        "additionalProperties": False,
    },
    "other properties": {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
    "an item that is not said": {"type": "array", "items": {"maximum": 3}},
    "a claim among others": {"claim": "sub", "type": "string"},
    "a claim that is no text": {"claim": 5},
}


@pytest.mark.parametrize("schema", REFUSED.values(), ids=REFUSED.keys())
def test_a_schema_that_could_admit_more_than_it_says_is_refused_at_load(schema: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Rule(arguments={"x": schema})

    assert refused.value.reason == "argument-schema"
    assert refused.value.hint


@pytest.mark.parametrize(
    "schema",
    [
        {"const": True},
        {"enum": ["a", "b"], "description": "where"},
        {"type": "integer", "minimum": 1, "maximum": 5},
        {"type": "string", "pattern": "^[a-z]+|[0-9]+$", "maxLength": 20},
        {"type": "array", "items": {"enum": ["a"]}, "maxItems": 3},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
        {"claim": "sub"},
    ],
)
def test_a_schema_that_says_what_it_admits_is_accepted(schema: Any) -> None:
    assert Rule(arguments={"x": schema}) == Rule(arguments={"x": schema})


def test_two_arguments_that_some_servers_read_as_one_are_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Rule(arguments={"user_id": {"claim": "sub"}, "userId": {"type": "string"}})

    assert refused.value.reason == "argument-schema"


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("tools/list", "*"),
        ("resources/read", "*"),
        ("resources/read", "notes://list"),
        ("resources/read", "notes://{other}"),
        ("resources/subscribe", "notes://{owner}"),
        ("completion/complete", "*"),
    ],
)
def test_a_condition_that_no_request_could_meet_is_refused(method: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Policy(rules={(method, name): Rule(arguments={"owner": {"claim": "sub"}})})

    assert refused.value.reason == "argument-schema"


def test_the_base_rule_has_no_conditions_because_lists_have_no_arguments() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Policy(base=Rule(arguments={"owner": {"claim": "sub"}}))

    assert refused.value.reason == "argument-schema"


def test_a_public_rule_has_no_conditions() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Rule(public=True, arguments={"owner": {"type": "string"}})

    assert refused.value.reason == "public-with-conditions"


def test_a_pattern_takes_linear_time() -> None:
    conditions = Rule(arguments={"x": {"type": "string", "pattern": "^(a+)+b$"}}).arguments
    assert conditions is not None

    began = time.process_time()
    met = conditions.is_met("x", {"x": "a" * 100_000}, None)  # type: ignore[arg-type]  # no claim

    assert not met
    # A backtracking engine needs longer than the universe is old.
    assert time.process_time() - began < 5
