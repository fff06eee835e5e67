"""The JSON Schemas that a rule can have for arguments, and why others are refused."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from doorward.errors import ConfigurationError

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

_NUMBERS = ("integer", "number")
# Each keyword, and the types that it says something about. JSON Schema ignores ``maximum`` for a
# string, and many servers read "5000" as a number.
_KEYWORDS: Mapping[str, tuple[str, ...]] = {
    "title": (),
    "description": (),
    "type": (),
    "const": (),
    "enum": (),
    "anyOf": (),
    "pattern": ("string",),
    "minLength": ("string",),
    "maxLength": ("string",),
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "exclusiveMinimum": _NUMBERS,
    "exclusiveMaximum": _NUMBERS,
    "multipleOf": _NUMBERS,
    "items": ("array",),
    "minItems": ("array",),
    "maxItems": ("array",),
    "uniqueItems": ("array",),
    "properties": ("object",),
    "required": ("object",),
    "additionalProperties": ("object",),
}
_ADMITTING = ("type", "const", "enum", "anyOf")
# Bytes of a compiled pattern: a repetition of repetitions would take all memory.
_LARGEST_PATTERN = 1024 * 1024


def compiled(argument: str, schema: Mapping[str, Any]) -> "Draft202012Validator":
    """
    Return a validator of ``schema``, whose time is linear in the length of the value.

    Raises:
        ConfigurationError: ``argument-schema``: the schema is not valid, or would admit values by
            what they are not.

    Spec: JSON Schema 2020-12
    """
    # Most policies have no conditions, and start-up is measured.
    from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

    try:
        # One document in JSON's own types: TOML also has dates, infinity and tables of its own.
        plain = json.loads(json.dumps(schema, allow_nan=False))
        return Draft202012Validator(
            _checked(argument, plain),
            pattern_options=RegexOptions(
                size_limit=_LARGEST_PATTERN, dfa_size_limit=_LARGEST_PATTERN
            ),
        )
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            _refuse(argument, error.message, _VALID)
        _refuse(argument, f"it is not JSON: {error}", _VALID)


_VALID = (
    "Write a JSON Schema (2020-12). Patterns have no look-around and no back-references, which"
    " could take very long."
)


def _checked(argument: str, schema: Any) -> dict[str, Any]:
    """Return ``schema`` with whole-text patterns, if each of its keywords admits."""
    if not isinstance(schema, dict):
        _refuse(argument, f"{schema!r} is not a table", 'Write, for example: { type = "string" }.')
    for keyword in schema:
        _require_admitting(argument, keyword, schema)
    if not any(keyword in schema for keyword in _ADMITTING):
        _refuse(argument, "it does not say what is admitted", 'Add type, such as type = "string".')
    found = dict(schema)
    if "pattern" in found:
        found["pattern"] = _whole_text(argument, found["pattern"])
    if "items" in found:
        found["items"] = _checked(argument, found["items"])
    if "anyOf" in found:
        some = found["anyOf"] if isinstance(found["anyOf"], list) else [found["anyOf"]]
        found["anyOf"] = [_checked(argument, one) for one in some]
    if "properties" in found:
        found["properties"] = _checked_members(argument, found)
    return found


def _require_admitting(argument: str, keyword: str, schema: Mapping[str, Any]) -> None:
    types = _KEYWORDS.get(keyword)
    if types is None:
        _refuse(
            argument, f"a condition cannot have {keyword!r}", _REMEDIES.get(keyword, _OTHERWISE)
        )
    if types and schema.get("type") not in types:
        _refuse(
            argument,
            f"{keyword} says nothing about values that are no {types[0]}",
            f'Add type = "{types[0]}".',
        )


_OTHERWISE = f"Use {', '.join(_KEYWORDS)}."
_REMEDIES = {
    "$ref": "Write the schema out in place: a condition refers to nothing else.",
    "not": "Say what is admitted, with enum or pattern: a value has more spellings than one.",
    "default": "Leave it out: a caller has to send every argument that has a condition.",
    "claim": "Use claim alone, directly for the argument.",
}


def _whole_text(argument: str, pattern: Any) -> Any:
    """Return a pattern for the whole text: "public" alone would also admit "../not-public"."""
    if not isinstance(pattern, str):
        return pattern  # The validator refuses it, and says why.
    if not pattern.startswith("^") or not pattern.endswith("$"):
        _refuse(
            argument,
            f"the pattern {pattern!r} also admits values that only contain it",
            f"Write ^ before it and $ after it: ^{pattern.removeprefix('^').removesuffix('$')}$.",
        )
    # Without the group, "^a|b$" would admit whatever begins with a.
    return f"^(?:{pattern[1:-1]})$"


def _checked_members(argument: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    members = schema["properties"]
    if not isinstance(members, dict):
        _refuse(argument, "properties is not a table", "Give each property its own schema.")
    if schema.get("additionalProperties") is not False:
        _refuse(
            argument,
            "a server could read another property as one of these",
            "Add additionalProperties = false.",
        )
    optional = sorted(set(members) - set(schema.get("required", ())))
    if optional:
        _refuse(
            argument,
            f"the property {optional[0]!r} can be missing, and the server has a default",
            f"Name {optional[0]!r} in required.",
        )
    return {name: _checked(argument, one) for name, one in members.items()}


def _refuse(argument: str, why: str, remedy: str) -> NoReturn:
    raise ConfigurationError(
        "argument-schema", f"The condition for the argument {argument!r}: {why}.", remedy
    )
