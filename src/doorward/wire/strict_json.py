"""A JSON parser that refuses every text that another parser could read differently."""

import json
import math
import re
from typing import Any

import msgspec

MOST_VALUES = 1_000_000
"""Values in one document. Python can need 230 bytes for a value that takes three in JSON."""

# The closing quotation mark is optional: otherwise a search that fails would restart at the next
# mark, and take quadratic time.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class NotStrictJson(ValueError):
    """The bytes are not JSON, or are JSON that another parser would read differently."""


def parse(data: bytes, *, deepest: int = 64) -> Any:
    """
    Return the JSON value in ``data``, which must be UTF-8 without a byte order mark.

    Refuses duplicate members, NaN, Infinity, numbers that overflow to Infinity, lone surrogates,
    trailing text, more than ``deepest`` levels, and more than ``MOST_VALUES`` values.

    Raises:
        NotStrictJson: any of the above.

    Spec: RFC 8259 §4, §8.1; RFC 7493 §2
    """
    # A document of 16 MB with nothing but empty objects takes 420 MB of memory.
    if len(data) > MOST_VALUES:
        _require_few_values(data)
    try:
        # The fast decoder drops duplicate members silently. Encoding the value again reveals them.
        # Most clients' text comes out identical. Otherwise, spaces and escapes may differ. Then the
        # colons are counted: each member has one, all others are in strings that are encoded again,
        # and without "\\u" no escape can produce a colon.
        if data.count(b"{") + data.count(b"[") <= deepest:
            value = _decode_quickly(data)
            again = _encode_quickly(value)
            if again == data:
                return value
            if b"\\u" not in data and again.count(b":") == data.count(b":"):
                return value
    except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        pass
    return parse_by_reference(data, deepest=deepest)


def parse_by_reference(data: bytes, *, deepest: int = 64) -> Any:
    """
    Return what ``parse`` returns; slower, because it checks the members of every object.

    Does not limit the number of values.
    """
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        # "\ud800" parses, but cannot be encoded as UTF-8, so no response could repeat it.
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
    Return the JSON object in ``data``; like ``parse``, but refuses any other value.

    Raises:
        NotStrictJson: not strict JSON, or not an object.
    """
    value = parse(data, deepest=deepest)
    if not isinstance(value, dict):
        raise NotStrictJson(f"a JSON object was expected, not {type(value).__name__}")
    return value


def _require_few_values(data: bytes) -> None:
    # Text in a string does not count: a long string may itself be JSON, or a program.
    if _marks(data) > MOST_VALUES and _marks(_STRING.sub(b"", data)) > MOST_VALUES:
        raise NotStrictJson(f"more than {MOST_VALUES:,} values")


def _marks(data: bytes) -> int:
    """Return an upper bound of the number of values: each follows a comma or an opening bracket."""
    return data.count(b",") + data.count(b"{") + data.count(b"[")


def _refuse_constant(name: str) -> Any:
    raise NotStrictJson(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    # 1e999 is valid JSON, but becomes Infinity, which is not.
    if not math.isfinite(number):
        raise NotStrictJson("a number is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    # Python keeps the last of two equal members, other parsers the first. The policy could allow one
    # value while the handler runs the other.
    if len(members) != len(pairs):
        raise NotStrictJson("an object has the same member twice")
    return members


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
)
_decode_quickly = msgspec.json.Decoder().decode
_encode_quickly = msgspec.json.Encoder().encode


def _depth_exceeds(value: Any, deepest: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        if not level:
            return False
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
    return bool(level)
