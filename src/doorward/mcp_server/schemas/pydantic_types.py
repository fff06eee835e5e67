"""pydantic, which judges and describes whatever is not plain; brought in by the first need of it."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import TypedDict

from doorward.mcp_server.schemas.plain_schema import Declared

# What pydantic raises for a type that it cannot describe.
NO_SCHEMA = (PydanticSchemaGenerationError, PydanticUserError)


class PlainSchema(GenerateJsonSchema):
    """JSON Schema 2020-12 without the titles pydantic makes of names: a model pays for each word."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        """Say that no field is given a title that its author did not write."""
        return False


# A typed dict whose members are known when the process runs and not before. pydantic reads the one
# of typing_extensions on every Python.
typed_dict: Any = TypedDict


def adapter_of(name: str, declared: Mapping[str, Declared]) -> TypeAdapter[dict[str, Any]]:
    """
    Return what judges the arguments of the function ``name``. Raises: one of ``NO_SCHEMA``.
    """
    # A typed dict rather than a model: a model's own attributes ("copy", "json", "schema") would be
    # names that no tool could use for its parameters.
    shape = typed_dict(name, {member: _declared(*one) for member, one in declared.items()})
    # Extra arguments are refused, not dropped: this is also why nobody can send an identity.
    shape.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
    adapter.json_schema(schema_generator=PlainSchema)
    return adapter


def schema_of(adapter: TypeAdapter[dict[str, Any]]) -> JsonSchemaValue:
    """Return the JSON Schema 2020-12 of the arguments that ``adapter`` judges."""
    schema = adapter.json_schema(schema_generator=PlainSchema)
    # The description pydantic finds here is that of a class nobody wrote.
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _declared(annotation: Any, default: Any) -> Any:
    field = _field(annotation, default)
    return field if _is_required(annotation, default) else NotRequired[field]


def _field(annotation: Any, default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return annotation
    if isinstance(default, FieldInfo):
        return Annotated[annotation, default]
    return Annotated[annotation, Field(default=default)]


def _is_required(annotation: Any, default: Any) -> bool:
    if isinstance(default, FieldInfo):
        return default.is_required()
    if default is not inspect.Parameter.empty:
        return False
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return all(extra.is_required() for extra in extras if isinstance(extra, FieldInfo))
