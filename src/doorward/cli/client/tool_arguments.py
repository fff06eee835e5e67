"""Parses ``name=value`` arguments by the tool's input schema."""

from collections.abc import Iterable, Mapping
from typing import Any

from doorward.cli.problems import UsageProblem
from doorward.wire.strict_json import NotStrictJson, parse

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def types_of(schema: Any) -> frozenset[str]:
    """
    Return the JSON types that ``schema`` allows; empty for any type.

    ``{"anyOf": [{"type": "integer"}, {"type": "null"}]}`` gives ``{"integer", "null"}``.
    """
    if not isinstance(schema, dict):
        return frozenset()
    value = schema.get("type")
    named = value if isinstance(value, list) else [value]
    found = {kind for kind in named if isinstance(kind, str)}
    for word in ("anyOf", "oneOf"):
        parts = schema.get(word)
        for part in parts if isinstance(parts, list) else ():
            found |= types_of(part)
    return frozenset(found)


def parse_arguments(words: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the arguments in ``words``, converted to the types in ``schema``.

    ``a=2`` is the number 2 if the schema has a number there, and the string "2" if it has a string.
    ``a:=[1, 2]`` is always JSON.

    Raises:
        UsageProblem: with reason ``malformed-argument`` or ``wrong-argument-type``.
    """
    properties = schema.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
    found: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.partition("=")
        is_json = name.endswith(":")
        name = name[:-1] if is_json else name
        if not separator or not name or name in found:
            raise UsageProblem(
                "malformed-argument",
                f"Expected name=value or name:=JSON, each name once, got {word!r}.",
                "Quote values with spaces, such as 'text=two words'.",
            )
        found[name] = _json(name, text) if is_json else _value(name, text, known.get(name))
    return found


def _json(name: str, text: str) -> Any:
    try:
        return parse(text.encode("utf-8", "surrogateescape"))
    except (NotStrictJson, UnicodeError) as error:
        raise UsageProblem(
            "malformed-argument",
            f"The value of {name} is not valid JSON: {error}.",
            "Quote it for the shell, such as list:='[1, 2]'.",
        ) from error


def _value(name: str, text: str, schema: Any) -> Any:
    types = types_of(schema)
    if not types or types == {"string"}:
        return text
    try:
        value = parse(text.encode("utf-8", "surrogateescape"))
    except (NotStrictJson, UnicodeError):
        value = text
    for kind in types:
        if _is(value, kind):
            return value
    if "string" in types:
        return text
    raise UsageProblem(
        "wrong-argument-type",
        f"Expected {' or '.join(sorted(types))} for {name}, got {text!r}.",
        f"Give a value of that type, or JSON as {name}:=...",
    )


def _is(value: Any, kind: str) -> bool:
    # In Python, True is an int; in JSON it is not a number.
    if isinstance(value, bool):
        return kind == "boolean"
    return kind in _JSON_TYPES and isinstance(value, _JSON_TYPES[kind])
