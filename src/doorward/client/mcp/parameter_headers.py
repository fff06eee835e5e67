"""Tool parameters that are repeated in HTTP headers: ``x-mcp-header``."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from doorward.client.mcp.messages import header_text

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MARK = "x-mcp-header"
_LARGEST = 2**53 - 1

Path = tuple[str, ...]


def marked_parameters(schema: Mapping[str, Any]) -> dict[Path, str] | None:
    """
    Return the header name of each annotated parameter; ``None`` for an invalid schema.

    ``{("region",): "Region"}`` means ``Mcp-Param-Region``. A client must ignore a tool with invalid
    annotations.

    Spec: MCP 2026-07-28 streamable HTTP, custom headers from tool parameters
    """
    found: dict[Path, str] = {}
    for path, part in _properties(schema, ()):
        if _MARK not in part:
            continue
        name = part[_MARK]
        fits = isinstance(name, str) and _TOKEN.fullmatch(name)
        if not fits or part.get("type") not in ("string", "integer", "boolean"):
            return None
        found[path] = name
    names = [name.lower() for name in found.values()]
    if len(set(names)) != len(names) or _count(schema) != len(found):
        return None
    return found


def parameter_headers(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, str]:
    """
    Return the ``Mcp-Param-`` headers that go with a call.

    Raises:
        ProtocolBroken: with reason ``malformed-request``; a value is not Unicode.

    Spec: MCP 2026-07-28 streamable HTTP, client behavior, value encoding
    """
    headers: dict[str, str] = {}
    for path, name in (marked_parameters(schema) or {}).items():
        value = _at(arguments, path)
        if isinstance(value, bool):
            headers[f"Mcp-Param-{name}"] = "true" if value else "false"
        elif isinstance(value, int) and abs(value) <= _LARGEST:
            headers[f"Mcp-Param-{name}"] = str(value)
        elif isinstance(value, str):
            headers[f"Mcp-Param-{name}"] = header_text(value)
    return headers


def _properties(schema: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or len(above) > 16:
        return
    for name, part in properties.items():
        if isinstance(part, dict):
            yield (*above, name), part
            yield from _properties(part, (*above, name))


def _count(node: Any) -> int:
    """Count all annotations; one outside of nested ``properties`` is invalid."""
    if isinstance(node, dict):
        below = sum(_count(value) for value in node.values())
        return below + (_MARK in node and isinstance(node[_MARK], str))
    return sum(_count(value) for value in node) if isinstance(node, list) else 0


def _at(arguments: Any, path: Path) -> Any:
    for step in path:
        arguments = arguments.get(step) if isinstance(arguments, dict) else None
    return arguments
