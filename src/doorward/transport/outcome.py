"""What a function returns, as it travels: content for the model, structure for the program."""

import json
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import to_json, to_jsonable_python

from doorward.errors import ConfigurationError
from doorward.transport.adapters import PlainSchema, typed_dict
from doorward.transport.content import Content, Text
from doorward.transport.plain import plain_type

_CONTENT = get_args(Content)
_UNSTRUCTURED: tuple[Any, ...] = (Any, None, type(None), NoReturn)
_encode = msgspec.json.Encoder().encode


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """A result as JSON text: the ``content`` array, and ``structuredContent`` where there is one."""

    content: bytes
    structured: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """
    How a return value travels.

    ``schema`` is the output schema, or ``None`` where the annotation promises no structure. A value
    that is not an object is wrapped as ``{"result": value}``: until 2025-11-25 structured content
    is an object, and one shape in every era is one shape to learn. ``plain`` is the type when it is
    one that JSON has too, and wrapped.

    Spec: MCP 2026-07-28, server/tools, "Structured Content", "Output Schema"
    """

    schema: JsonSchemaValue | None = None
    adapter: TypeAdapter[Any] | None = None
    wrapped: bool = False
    plain: type | None = None

    def encode(self, value: Any) -> Encoded:
        """
        Return ``value`` as JSON text that the output schema describes.

        Raises:
            ValueError: the value is not what the annotation says, or is not JSON.
        """
        if type(value) is self.plain:
            return _plain(value)
        if self.adapter is None:
            return Encoded(_encode(_blocks(value)))
        # What the adapter's own methods call, without the dozen settings that they pass on.
        judged = self.adapter.validator.validate_python(value, by_alias=True, by_name=True)
        raw = self.adapter.serializer.to_json(judged, by_alias=True)
        if b"null" in raw:
            _refuse_not_a_number(self.adapter.dump_python(judged))
        text = judged if type(judged) is str else raw.decode()
        return Encoded(text_content(text), b'{"result":%b}' % raw if self.wrapped else raw)


def _plain(value: Any) -> Encoded:
    # Not msgspec for numbers: it writes none beyond 64 bits.
    raw = b"%d" % value if type(value) is int else _encode(value)
    quoted = raw if type(value) is str else b'"%b"' % raw
    return Encoded(b'[{"type":"text","text":%b}]' % quoted, b'{"result":%b}' % raw)


def text_content(text: str) -> bytes:
    """Return a content array that is one piece of text."""
    return b'[{"type":"text","text":%b}]' % _encode(text)


def read_outcome(function: Callable[..., Any]) -> Outcome:
    """
    Return how the results of ``function`` travel, from its return annotation.

    Raises:
        ConfigurationError: with reason ``unusable-result``: the annotation has no JSON schema.
    """
    annotation = get_type_hints(function, include_extras=True).get("return", Any)
    if annotation in _UNSTRUCTURED or _is_content(annotation):
        return Outcome()
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        schema = _schema(adapter)
        if schema.get("type") == "object":
            return Outcome(schema, adapter)
        shape = typed_dict("Result", {"result": annotation})
        return Outcome(_schema(TypeAdapter(shape)), adapter, True, plain_type(annotation))
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise ConfigurationError(
            "unusable-result",
            f"The results of {function.__qualname__} have a type without a JSON schema.",
            "Annotate it with types that pydantic can serialise, or with no return type.",
        ) from error


def _schema(adapter: TypeAdapter[Any]) -> JsonSchemaValue:
    schema = adapter.json_schema(mode="serialization", schema_generator=PlainSchema)
    # A type that contains itself is a bare reference at its root, and the root must say "object".
    if (reference := schema.get("$ref", "")).startswith("#/$defs/"):
        schema = {**schema["$defs"][reference.removeprefix("#/$defs/")], "$defs": schema["$defs"]}
    return {key: value for key, value in schema.items() if key != "title"}


def _is_content(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_content(get_args(annotation)[0])
    if origin in (Union, types.UnionType, list, tuple, Sequence):
        return any(_is_content(arm) for arm in get_args(annotation))
    return annotation in _CONTENT


def _blocks(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, _CONTENT):
        return [value.block()]
    if isinstance(value, list | tuple) and any(isinstance(item, _CONTENT) for item in value):
        return [block for item in value for block in _blocks(item)]
    if isinstance(value, str):
        return [Text(value).block()]
    _refuse_not_a_number(value)
    return [Text(to_json(value).decode()).block()]


def _refuse_not_a_number(value: Any) -> None:
    # pydantic writes NaN and Infinity as null, which no schema of a number allows.
    json.dumps(to_jsonable_python(value, inf_nan_mode="constants"), allow_nan=False)
