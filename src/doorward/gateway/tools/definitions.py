"""Definitions of upstream tools: their limits, their digest, and which of a list are unusable."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from doorward.wire.unicode_form import normalized

MOST_TOOLS = 1000
"""Tools on one page of a list."""
_LARGEST = 128 * 1024
_DEEPEST = 32
_LONGEST_NAME = 128
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def canonical(tool: Mapping[str, Any]) -> str:
    """Return the definition as text that does not depend on order, spaces or escapes."""
    return json.dumps(tool, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def digest(tool: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all members of a definition: each of them can instruct a model."""
    return hashlib.sha256(canonical(tool).encode()).hexdigest()


def unusable(tools: Sequence[Any]) -> Mapping[str, str]:
    """
    Return the reason for each name in a list that no client may see.

    A reference to elsewhere is refused and never fetched: a client that fetches it lets the server
    choose the address, and the schema can change after it was reviewed.

    Spec: MCP 2026-07-28 server/tools, "Tool Names"; JSON Schema 2020-12 §8.2.3
    """
    named = [one for one in tools if isinstance(one, dict) and isinstance(one.get("name"), str)]
    found: dict[str, str] = {}
    alike = Counter(resembling(one["name"]) for one in named)
    for number, one in enumerate(named):
        name = one["name"]
        if number >= MOST_TOOLS:
            found[name] = "too-many-tools"
        elif alike[resembling(name)] > 1:
            # A model or a person takes the one for the other.
            found[name] = "name-twice"
        elif (problem := _problem(one)) is not None:
            found[name] = problem
    return found


def resembling(name: str) -> str:
    """Return the same text for names that look alike: in another case, form, or with spaces."""
    folded = normalized("NFKC", name).casefold()
    return "".join(letter for letter in folded if letter.isprintable() and not letter.isspace())


def _problem(tool: Mapping[str, Any]) -> str | None:
    name = tool["name"]
    if not 0 < len(name) <= _LONGEST_NAME or _mixes_alphabets(name):
        return "unclear-name"
    try:
        text = canonical(tool)
    except RecursionError:
        return "schema-too-large"
    if len(text) > _LARGEST or any(depth > _DEEPEST for depth, _ in _objects(tool)):
        return "schema-too-large"
    if any(_refers_elsewhere(one) for _, one in _objects(tool)):
        return "schema-refers-elsewhere"
    return None


def _mixes_alphabets(name: str) -> bool:
    """Return whether a name has letters of ASCII and others: "p" of Cyrillic looks like "p"."""
    letters = [one for one in name if one.isalpha()]
    return any(one.isascii() for one in letters) and not all(one.isascii() for one in letters)


def _refers_elsewhere(schema: Mapping[str, Any]) -> bool:
    return any(
        isinstance(target := schema.get(word), str) and not target.startswith("#")
        for word in _REFERENCES
    )


def _objects(tool: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield every object in the definition with its depth, without recursion."""
    waiting: list[tuple[int, Any]] = [(1, tool)]
    while waiting:
        depth, value = waiting.pop()
        if isinstance(value, dict):
            yield depth, value
        children = value.values() if isinstance(value, dict) else value
        waiting += [(depth + 1, one) for one in children if isinstance(one, dict | list)]
