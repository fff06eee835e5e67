"""The JSON Schema of plain types, without pydantic."""

import inspect
from collections.abc import Mapping
from math import isfinite
from typing import Any

# Annotation and default of a parameter; without a default, ``inspect.Parameter.empty``.
Parameter = tuple[Any, Any]

_NO_DEFAULT = inspect.Parameter.empty
_NAMES = {int: "integer", str: "string", bool: "boolean", float: "number"}


def plain_schema(parameters: Mapping[str, Parameter], **more: Any) -> dict[str, Any] | None:
    """
    Return the schema of an object with these members and ``more``; ``None`` if one is not plain.

    It equals the schema of ``pydantic_types.schema_of``, byte for byte, which a test checks. A
    server of plain functions starts without pydantic: that saves 90 ms and 10 MB.

    Spec: JSON Schema 2020-12
    """
    if not all(_is_plain(*one) for one in parameters.values()):
        return None
    schema = {**more, "properties": {name: _member(*one) for name, one in parameters.items()}}
    required = [name for name, (_, default) in parameters.items() if default is _NO_DEFAULT]
    return {**schema, **({"required": required} if required else {}), "type": "object"}


def _is_plain(annotation: Any, default: Any) -> bool:
    # By identity: an object that equals a type, or hashes like one, is not that type.
    if not any(annotation is one for one in _NAMES):
        return False
    if default is _NO_DEFAULT or default is None or type(default) is annotation:
        return type(default) is not float or isfinite(default)
    return annotation is float and type(default) is int


def _member(annotation: type, default: Any) -> dict[str, Any]:
    named = {"type": _NAMES[annotation]}
    return named if default is _NO_DEFAULT else {"default": default, **named}
