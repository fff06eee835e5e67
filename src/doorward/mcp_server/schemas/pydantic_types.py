"""
Everything that pydantic does here: schemas, validation and serialization of types that are not plain.

Import this module inside functions. pydantic takes 90 ms and 10 MB, and a server whose functions
have plain types starts without it.
"""

import inspect
import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import to_json, to_jsonable_python
from typing_extensions import TypedDict

from doorward.mcp_server.refusals import InvalidArguments, InvalidInputResponse
from doorward.mcp_server.schemas.plain_schema import Parameter

# What pydantic raises for a type that has no schema.
NO_SCHEMA = (PydanticSchemaGenerationError, PydanticUserError)
Source = Literal["json", "strings", "python"]
_MAX_ERRORS = 10


class UntitledSchema(GenerateJsonSchema):
    """JSON Schema 2020-12 without generated titles: every word costs the model tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        """Say that no field gets a title that its author did not write."""
        return False


# Its members are known at run time only. pydantic needs that of typing_extensions on some Pythons.
typed_dict: Any = TypedDict


def adapter_of(name: str, parameters: Mapping[str, Parameter]) -> TypeAdapter[dict[str, Any]]:
    """
    Return the validator of the arguments of the function ``name``. Raises: one of ``NO_SCHEMA``.
    """
    # A typed dict rather than a model: a model reserves names ("copy", "json", "schema") that a tool
    # may want for its parameters.
    shape = typed_dict(name, {member: _field(*one) for member, one in parameters.items()})
    # Extra arguments are refused, not dropped: so no client can send an identity.
    shape.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
    adapter.json_schema(schema_generator=UntitledSchema)
    return adapter


def schema_of(adapter: TypeAdapter[dict[str, Any]]) -> JsonSchemaValue:
    """Return the JSON Schema 2020-12 of the arguments that ``adapter`` validates."""
    schema = adapter.json_schema(schema_generator=UntitledSchema)
    # pydantic's description is that of a class which no author wrote.
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def validate(
    adapter: TypeAdapter[dict[str, Any]], values: Mapping[str, Any], source: Source
) -> dict[str, Any]:
    """
    Return the arguments as the types of the function.

    JSON is validated strictly: what the published schema refuses never reaches a function.

    Raises:
        InvalidArguments: with what is wrong, and without the values that were sent.
    """
    try:
        if source == "json":
            return adapter.validate_json(to_json(values, inf_nan_mode="constants"), strict=True)
        if source == "strings":
            return adapter.validate_strings(values)
        return adapter.validate_python(values)
    except ValidationError as error:
        lines = "; ".join(_errors(error)[:_MAX_ERRORS])
        raise InvalidArguments(f"Invalid arguments. {lines}") from None


def result_schema_of(annotation: Any) -> tuple[JsonSchemaValue, TypeAdapter[Any], bool]:
    """
    Return the output schema and the serializer of a return type, and whether results are wrapped.

    Raises: one of ``NO_SCHEMA``.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    schema = _output_schema(adapter)
    if schema.get("type") == "object":
        return schema, adapter, False
    shape = typed_dict("Result", {"result": annotation})
    return _output_schema(TypeAdapter(shape)), adapter, True


@cache
def plain_adapter(annotation: type) -> TypeAdapter[Any]:
    """Return the serializer of a plain type."""
    return TypeAdapter(annotation)


def serialize(adapter: TypeAdapter[Any], value: Any) -> tuple[Any, bytes]:
    """
    Return a result as its annotation has it, and as JSON text.

    Raises:
        ValueError: the value does not fit the annotation, or has NaN or an infinity.
    """
    validated = adapter.validate_python(value, by_alias=True, by_name=True)
    text = adapter.dump_json(validated, by_alias=True)
    if b"null" in text:
        _refuse_nan(adapter.dump_python(validated))
    return validated, text


def json_text(value: Any) -> str:
    """Return any value as JSON text. Raises: ValueError, as ``serialize``."""
    _refuse_nan(value)
    return to_json(value).decode()


@lru_cache(maxsize=256)
def _form_adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


@lru_cache(maxsize=256)
def form_schema(form: Any) -> JsonSchemaValue:
    """Return the JSON Schema of a form that is a type."""
    return _form_adapter(form).json_schema(schema_generator=UntitledSchema)


def validate_form(form: Any, content: Mapping[str, Any]) -> Any:
    """Return what the user submitted, as the type ``form``. Raises: InvalidInputResponse."""
    try:
        # Not strict: to JSON, 1.0 is an integer, and a date is text.
        return _form_adapter(form).validate_python(content)
    except ValidationError as error:
        raise InvalidInputResponse(f"does not fit the form: {_errors(error)[0]}") from None


def _errors(error: ValidationError) -> list[str]:
    """Return where each error is and what it is, without the values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found]


def _output_schema(adapter: TypeAdapter[Any]) -> JsonSchemaValue:
    schema = adapter.json_schema(mode="serialization", schema_generator=UntitledSchema)
    # The schema of a recursive type is a reference, and its root must say "object".
    if (reference := schema.get("$ref", "")).startswith("#/$defs/"):
        schema = {**schema["$defs"][reference.removeprefix("#/$defs/")], "$defs": schema["$defs"]}
    return {key: value for key, value in schema.items() if key != "title"}


def _refuse_nan(value: Any) -> None:
    # pydantic writes NaN and Infinity as null, which no schema of a number allows.
    json.dumps(to_jsonable_python(value, inf_nan_mode="constants"), allow_nan=False)


def _field(annotation: Any, default: Any) -> Any:
    field = annotation
    if isinstance(default, FieldInfo):
        field = Annotated[annotation, default]
    elif default is not inspect.Parameter.empty:
        field = Annotated[annotation, Field(default=default)]
    return field if _is_required(annotation, default) else NotRequired[field]


def _is_required(annotation: Any, default: Any) -> bool:
    if isinstance(default, FieldInfo):
        return default.is_required()
    if default is not inspect.Parameter.empty:
        return False
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return all(extra.is_required() for extra in extras if isinstance(extra, FieldInfo))
