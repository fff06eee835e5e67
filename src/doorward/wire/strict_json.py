"""JSON that two parsers cannot read differently."""

import json
from typing import Any


class NotStrictJson(ValueError):
    """The bytes are not JSON, or are JSON that another parser would read differently."""


def _refuse_constant(name: str) -> Any:
    raise NotStrictJson(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    # Python keeps the last of two equal members, others the first: a policy that reads one and a
    # handler that reads the other can be told two different stories in one body.
    if len(members) != len(pairs):
        raise NotStrictJson("an object has the same member twice")
    return members


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def parse(data: bytes, *, deepest: int = 64) -> Any:
    """
    Return the JSON value in ``data``, which must be UTF-8 without a byte order mark.

    Refuses duplicate members, NaN and Infinity, lone surrogates, trailing text, and nesting beyond
    ``deepest`` levels.

    Raises:
        NotStrictJson: any of the above.

    Spec: RFC 8259 §4, §8.1; RFC 7493 §2
    """
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        # "\ud800" parses and cannot be written again; what cannot be echoed is refused here.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except NotStrictJson:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrictJson(f"not JSON: {type(error).__name__}") from None
    if _depth_exceeds(value, deepest):
        raise NotStrictJson(f"nested deeper than {deepest} levels")
    return value


def parse_object(data: bytes, *, deepest: int = 64) -> dict[str, Any]:
    """
    Return the JSON object in ``data``; like ``parse``, and refuses every other kind of value.

    Raises:
        NotStrictJson: not strict JSON, or not an object.
    """
    value = parse(data, deepest=deepest)
    if not isinstance(value, dict):
        raise NotStrictJson(f"a JSON object was expected, not {type(value).__name__}")
    return value


def _depth_exceeds(value: Any, deepest: int) -> bool:
    level = [value]
    for _ in range(deepest + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True
