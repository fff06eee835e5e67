"""``key=value`` on a command line, read as the tool's own schema reads it."""

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
    Return the JSON types that ``schema`` allows, as far as it says; empty for "anything".

    ``{"anyOf": [{"type": "integer"}, {"type": "null"}]}`` gives ``{"integer", "null"}``.
    """
    if not isinstance(schema, dict):
        return frozenset()
    said = schema.get("type")
    named = said if isinstance(said, list) else [said]
    found = {kind for kind in named if isinstance(kind, str)}
    for word in ("anyOf", "oneOf"):
        parts = schema.get(word)
        for part in parts if isinstance(parts, list) else ():
            found |= types_of(part)
    return frozenset(found)


def parse_arguments(words: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the arguments in ``words``.

    ``a=2`` is the number 2 where the schema wants a number and the text "2" where it wants text.
    ``a:=[1, 2]`` is JSON whatever the schema says.

    Raises:
        UsageProblem: with reason ``malformed-argument`` or ``wrong-type``.
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
                f"{word!r} is no argument of its own.",
                "Write every argument once, as name=value or name:=JSON.",
            )
        found[name] = _json(name, text) if is_json else _value(name, text, known.get(name))
    return found


def _json(name: str, text: str) -> Any:
    try:
        return parse(text.encode("utf-8", "surrogateescape"))
    except (NotStrictJson, UnicodeError) as error:
        raise UsageProblem(
            "malformed-argument", f"{name} is not JSON: {error}.", f"Write {name}:='...' as JSON."
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
        "wrong-type",
        f"{name}={text} is not what the tool wants: {' or '.join(sorted(types))}.",
        f"Give a value of that type, or JSON as {name}:=...",
    )


def _is(value: Any, kind: str) -> bool:
    # True is an int to Python and no integer to JSON.
    if isinstance(value, bool):
        return kind == "boolean"
    return kind in _JSON_TYPES and isinstance(value, _JSON_TYPES[kind])
