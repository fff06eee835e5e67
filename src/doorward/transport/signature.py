"""A Python signature, read once: what may be sent, what is injected, and the schema of both."""

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import TypedDict

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.transport.dependencies import Dependencies, is_dependency, read_dependencies
from doorward.transport.plain import plain_types


class PlainSchema(GenerateJsonSchema):
    """JSON Schema 2020-12 without the titles pydantic makes of names: a model pays for each word."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        """Say that no field is given a title that its author did not write."""
        return False


# A typed dict whose members are known when the process runs and not before. pydantic reads the one
# of typing_extensions on every Python.
typed_dict: Any = TypedDict


@dataclass(frozen=True)
class Signature:
    """
    What a function takes.

    ``arguments`` judges what a peer sends; ``identity`` names the parameters that only the guard
    can fill, ``context`` those for the request itself, ``dependencies`` those that FastAPI fills.
    The sets of names are disjoint, and no other argument is accepted.
    """

    arguments: TypeAdapter[dict[str, Any]]
    identity: tuple[str, ...]
    identity_required: bool
    context: tuple[str, ...] = ()
    dependencies: Dependencies | None = None
    # The arguments and their types, when a value is judged by its type alone.
    plain: Mapping[str, type] | None = None

    @cached_property
    def schema(self) -> JsonSchemaValue:
        """The JSON Schema 2020-12 of the arguments."""
        schema = self.arguments.json_schema(schema_generator=PlainSchema)
        # The description pydantic finds here is that of a class nobody wrote.
        return {key: value for key, value in schema.items() if key not in ("title", "description")}


def read_signature(function: Callable[..., Any]) -> Signature:
    """
    Return what ``function`` takes: JSON-sent arguments apart from what is injected.

    ``async def add(a: int, b: int, user: Identity)`` takes the arguments ``a`` and ``b``.

    Raises:
        ConfigurationError: with reason ``unusable-signature``: a parameter that no JSON object can
            fill (``*args``, ``**kwargs``, positional-only), or a type that has no schema.
    """
    hints = _hints(function)
    fields: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    identity: dict[str, bool] = {}
    context: list[str] = []
    depends: dict[str, inspect.Parameter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _unusable(function, f"its parameter {name!r} has no name that a peer could send")
        annotation = hints.get(name, Any)
        if (optional := _identity(annotation)) is not None:
            identity[name] = not optional
        elif _bare(annotation) is context_type():
            context.append(name)
        elif is_dependency(annotation, parameter.default):
            depends[name] = parameter.replace(annotation=annotation)
        else:
            fields[name] = _declared(annotation, parameter.default)
            # "a: int = Field(ge=0)" says more than its annotation.
            plain[name] = Any if isinstance(parameter.default, FieldInfo) else annotation
    return Signature(
        arguments=_adapter(function, fields),
        identity=tuple(identity),
        identity_required=any(identity.values()),
        context=tuple(context),
        dependencies=read_dependencies(function, depends) if depends else None,
        plain=plain_types(plain),
    )


def context_type() -> type[Any]:
    """Return the type whose parameters are given the request; it is defined in terms of this one."""
    from doorward.transport.context import Context

    return Context


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _declared(annotation: Any, default: Any) -> Any:
    field = _field(annotation, default)
    return field if _is_required(annotation, default) else NotRequired[field]


def _adapter(
    function: Callable[..., Any], fields: Mapping[str, Any]
) -> TypeAdapter[dict[str, Any]]:
    # A typed dict rather than a model: a model's own attributes ("copy", "json", "schema") would be
    # names that no tool could use for its parameters.
    shape = typed_dict(function.__name__, dict(fields))
    # Extra arguments are refused, not dropped: this is also why nobody can send an identity.
    shape.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    try:
        adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        adapter.json_schema(schema_generator=PlainSchema)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise _unusable(function, "one of its parameters has a type without a schema") from error
    return adapter


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise _unusable(function, f"its annotations cannot be read ({error})") from error


def _identity(annotation: Any) -> bool | None:
    """Say whether the parameter is an optional identity (true), a needed one (false), or neither."""
    annotation = _bare(annotation)
    if annotation is Identity:
        return False
    if get_origin(annotation) in (Union, types.UnionType):
        arms = [_identity(arm) for arm in get_args(annotation) if arm is not type(None)]
        # Every arm: "Identity | str" would be a parameter that a peer fills in the guard's stead.
        if arms and all(arm is not None for arm in arms):
            return type(None) in get_args(annotation)
        if any(arm is not None for arm in arms):
            raise ConfigurationError(
                "unusable-signature",
                "A parameter is an Identity or something that a peer could send.",
                "Annotate it as Identity or as Identity | None.",
            )
    return None


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


def _unusable(function: Callable[..., Any], why: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-signature",
        f"{function.__qualname__} cannot be served: {why}.",
        "Give it named parameters with types that pydantic can validate.",
    )
