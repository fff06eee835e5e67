"""Parses ``name=value`` arguments by the tool's input schema."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
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
        UsageProblem: with reason ``malformed-argument``, ``wrong-argument-type``,
            ``missing-argument`` or ``unknown-argument``.
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
    _require_names(found, known, schema)
    return found


def _require_names(
    found: Mapping[str, Any], known: Mapping[str, Any], schema: Mapping[str, Any]
) -> None:
    """
    Return if ``found`` has every required argument, and none that the schema excludes.

    Servers check this too, and each words it in its own way, as a failure of the tool.
    """
    required = schema.get("required")
    missing = [
        name for name in (required if isinstance(required, list) else ()) if name not in found
    ]
    if missing:
        raise UsageProblem(
            "missing-argument",
            f"The tool needs {', '.join(map(str, missing))}.",
            f"Add {' '.join(f'{name}=VALUE' for name in missing)}.",
        )
    extra = [name for name in found if name not in known]
    if extra and schema.get("additionalProperties") is False:
        near = get_close_matches(extra[0], known, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        raise UsageProblem(
            "unknown-argument",
            f"The tool has no argument {extra[0]!r}.",
            f"{meant}Its arguments: {', '.join(known) or 'none'}.",
        )


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
