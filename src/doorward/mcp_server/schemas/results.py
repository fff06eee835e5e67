"""What a function returns, as JSON: content for the model, structured content for programs."""

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from msgspec import Raw

from doorward.errors import ConfigurationError
from doorward.mcp_server.schemas.content import Content, Text
from doorward.mcp_server.schemas.plain_schema import plain_schema
from doorward.mcp_server.schemas.plain_types import plain_type

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_CONTENT = get_args(Content)
_UNSTRUCTURED: tuple[Any, ...] = (Any, None, type(None), NoReturn)
_encode = msgspec.json.Encoder().encode


class ToolResult(msgspec.Struct, frozen=True, gc=False):
    """
    ``content``, and ``structuredContent`` if there is one: values that msgspec encodes.

    The response is encoded once, so a value that has no JSON must fail before: where the tool's own
    errors are handled.
    """

    content: Any
    structured: Any = None


@dataclass(frozen=True)
class ResultSchema:
    """
    How a return value becomes JSON.

    ``schema`` is the output schema, or ``None`` if the annotation promises no structure. A value
    that is not an object is wrapped as ``{"result": value}``: until 2025-11-25 structured content
    must be an object. ``plain`` is the annotation if it is a plain type. ``adapter`` serializes all
    other values; without one, ``annotation`` is the type for which it is made when needed.

    Spec: MCP 2026-07-28, server/tools, "Structured Content", "Output Schema"
    """

    schema: dict[str, Any] | None = None
    adapter: "TypeAdapter[Any] | None" = None
    wrapped: bool = False
    plain: type | None = None
    annotation: type | None = None

    def encode(self, value: Any) -> ToolResult:
        """
        Return ``value`` as content, and as structured content that fits the output schema.

        A plain value needs no pydantic: a test holds the two paths equal.

        Raises:
            ValueError: the value does not fit the annotation, or is not JSON.
        """
        if type(value) is self.plain:
            return _encode_plain(value)
        if self.schema is None:
            return ToolResult(Raw(_encode(_blocks(value))))
        from doorward.mcp_server.schemas.pydantic_types import plain_adapter, serialize

        adapter = plain_adapter(self.annotation) if self.annotation is not None else self.adapter
        assert adapter is not None
        validated, raw = serialize(adapter, value)
        text = validated if type(validated) is str else raw.decode()
        return ToolResult(text_content(text), {"result": Raw(raw)} if self.wrapped else Raw(raw))


def _encode_plain(value: Any) -> ToolResult:
    if type(value) is str:
        return ToolResult(text_content(value), {"result": value})
    # msgspec encodes no integer beyond 64 bits.
    raw = b"%d" % value if type(value) is int else _encode(value)
    return ToolResult(text_content(raw.decode()), {"result": Raw(raw)})


def text_content(text: str) -> list[dict[str, str]]:
    """Return a content array of one text block. Raises: ValueError, for a lone surrogate."""
    if not text.isascii():
        text.encode()
    return [{"type": "text", "text": text}]


def read_result_schema(function: Callable[..., Any]) -> ResultSchema:
    """
    Return how the results of ``function`` become JSON, from its return annotation.

    Raises:
        ConfigurationError: with reason ``unusable-result``: the annotation has no JSON Schema.
    """
    annotation = get_type_hints(function, include_extras=True).get("return", Any)
    if annotation in _UNSTRUCTURED or _is_content(annotation):
        return ResultSchema()
    plain = plain_schema({"result": (annotation, inspect.Parameter.empty)})
    if plain is not None:
        return ResultSchema(
            plain, wrapped=True, plain=plain_type(annotation), annotation=annotation
        )
    from doorward.mcp_server.schemas.pydantic_types import NO_SCHEMA, result_schema_of

    try:
        return ResultSchema(*result_schema_of(annotation))
    except NO_SCHEMA as error:
        raise ConfigurationError(
            "unusable-result",
            f"The results of {function.__qualname__} have a type without a JSON schema.",
            "Annotate it with types that pydantic can serialise, or with no return type.",
        ) from error


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
    from doorward.mcp_server.schemas.pydantic_types import json_text

    return [Text(json_text(value)).block()]
