"""What a function returns, as it travels: content for the model, structure for the program."""

import inspect
import json
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NoReturn,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from doorward.errors import ConfigurationError
from doorward.mcp_server.schemas.content import Content, Text
from doorward.mcp_server.schemas.plain_schema import plain_schema
from doorward.mcp_server.schemas.plain_types import plain_type

# Brought in by the first result that is not plain: a server that has only plain ones starts
# without it.
if TYPE_CHECKING:
    from pydantic import TypeAdapter

_CONTENT = get_args(Content)
_UNSTRUCTURED: tuple[Any, ...] = (Any, None, type(None), NoReturn)
_encode = msgspec.json.Encoder().encode


class EncodedResult(msgspec.Struct, frozen=True, gc=False):
    """A result as JSON text: the ``content`` array, and ``structuredContent`` where there is one."""

    content: bytes
    structured: bytes | None = None


@dataclass(frozen=True)
class ResultSchema:
    """
    How a return value travels.

    ``schema`` is the output schema, or ``None`` where the annotation promises no structure. A value
    that is not an object is wrapped as ``{"result": value}``: until 2025-11-25 structured content
    is an object, and one shape in every era is one shape to learn. ``plain`` is the type when it is
    one that JSON has too, and wrapped. ``adapter`` judges all other values; in its place, ``later``
    is a type whose adapter is made for the first value that needs one.

    Spec: MCP 2026-07-28, server/tools, "Structured Content", "Output Schema"
    """

    schema: dict[str, Any] | None = None
    adapter: "TypeAdapter[Any] | None" = None
    wrapped: bool = False
    plain: type | None = None
    annotation: type | None = None

    def encode(self, value: Any) -> EncodedResult:
        """
        Return ``value`` as JSON text that the output schema describes.

        Raises:
            ValueError: the value is not what the annotation says, or is not JSON.
        """
        if type(value) is self.plain:
            return _plain(value)
        adapter = self.adapter if self.annotation is None else _adapter_of(self.annotation)
        if adapter is None:
            return EncodedResult(_encode(_blocks(value)))
        # What the adapter's own methods call, without the dozen settings that they pass on.
        judged = adapter.validator.validate_python(value, by_alias=True, by_name=True)
        raw = adapter.serializer.to_json(judged, by_alias=True)
        if b"null" in raw:
            _refuse_not_a_number(adapter.dump_python(judged))
        text = judged if type(judged) is str else raw.decode()
        return EncodedResult(text_content(text), b'{"result":%b}' % raw if self.wrapped else raw)


def _plain(value: Any) -> EncodedResult:
    # Not msgspec for numbers: it writes none beyond 64 bits.
    raw = b"%d" % value if type(value) is int else _encode(value)
    quoted = raw if type(value) is str else b'"%b"' % raw
    return EncodedResult(b'[{"type":"text","text":%b}]' % quoted, b'{"result":%b}' % raw)


def text_content(text: str) -> bytes:
    """Return a content array that is one piece of text."""
    return b'[{"type":"text","text":%b}]' % _encode(text)


def read_result_schema(function: Callable[..., Any]) -> ResultSchema:
    """
    Return how the results of ``function`` travel, from its return annotation.

    Raises:
        ConfigurationError: with reason ``unusable-result``: the annotation has no JSON schema.
    """
    annotation = get_type_hints(function, include_extras=True).get("return", Any)
    if annotation in _UNSTRUCTURED or _is_content(annotation):
        return ResultSchema()
    known = plain_schema({"result": (annotation, inspect.Parameter.empty)})
    if known is not None:
        return ResultSchema(
            known, wrapped=True, plain=plain_type(annotation), annotation=annotation
        )
    from pydantic import TypeAdapter

    from doorward.mcp_server.schemas.pydantic_types import NO_SCHEMA, typed_dict

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        schema = _schema(adapter)
        if schema.get("type") == "object":
            return ResultSchema(schema, adapter)
        shape = typed_dict("Result", {"result": annotation})
        return ResultSchema(_schema(TypeAdapter(shape)), adapter, wrapped=True)
    except NO_SCHEMA as error:
        raise ConfigurationError(
            "unusable-result",
            f"The results of {function.__qualname__} have a type without a JSON schema.",
            "Annotate it with types that pydantic can serialise, or with no return type.",
        ) from error


@cache
def _adapter_of(promised: type) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(promised)


def _schema(adapter: "TypeAdapter[Any]") -> dict[str, Any]:
    from doorward.mcp_server.schemas.pydantic_types import PlainSchema

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
    from pydantic_core import to_json

    _refuse_not_a_number(value)
    return [Text(to_json(value).decode()).block()]


def _refuse_not_a_number(value: Any) -> None:
    from pydantic_core import to_jsonable_python

    # pydantic writes NaN and Infinity as null, which no schema of a number allows.
    json.dumps(to_jsonable_python(value, inf_nan_mode="constants"), allow_nan=False)
