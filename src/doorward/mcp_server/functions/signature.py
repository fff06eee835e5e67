"""The signature of an author's function: what clients send, and what is injected."""

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server.functions.context import Context
from doorward.mcp_server.functions.dependencies import (
    Dependencies,
    is_dependency,
    read_dependencies,
)
from doorward.mcp_server.schemas.plain_schema import Parameter, plain_schema
from doorward.mcp_server.schemas.plain_types import are_plain, plain_types

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from doorward.mcp_server.schemas.pydantic_types import Source


@dataclass(frozen=True)
class Signature:
    """
    What a function takes.

    ``parameters`` are those that clients fill. ``identity`` names the parameters that the guard
    fills, ``context`` those for the request, ``dependencies`` those that FastAPI fills. The sets of
    names are disjoint, and no other argument is accepted. ``plain`` has the types of ``parameters``
    if all are plain.
    """

    function: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    identity: tuple[str, ...]
    identity_required: bool
    context: tuple[str, ...] = ()
    dependencies: Dependencies | None = None
    plain: Mapping[str, type] | None = None

    @cached_property
    def arguments(self) -> "TypeAdapter[dict[str, Any]]":
        """
        The validator of the arguments that clients send.

        Raises:
            ConfigurationError: with reason ``unusable-signature``: a type has no schema.
        """
        from doorward.mcp_server.schemas.pydantic_types import NO_SCHEMA, adapter_of

        try:
            return adapter_of(self.function.__name__, self.parameters)
        except NO_SCHEMA as error:
            why = "one of its parameters has a type without a schema"
            raise _unusable(self.function, why) from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema 2020-12 of the arguments. Raises: as ``arguments``."""
        plain = plain_schema(self.parameters, additionalProperties=False)
        if plain is not None:
            return plain
        from doorward.mcp_server.schemas.pydantic_types import schema_of

        return schema_of(self.arguments)

    def read(self, values: Mapping[str, Any], source: "Source" = "json") -> Mapping[str, Any]:
        """
        Return the arguments as the types of the function.

        Plain values need no pydantic: a test holds the two paths equal.

        Raises:
            InvalidArguments: the values do not fit the schema.
        """
        if self.plain is not None and are_plain(values, self.plain):
            return values
        from doorward.mcp_server.schemas.pydantic_types import validate

        return validate(self.arguments, values, source)


def read_signature(function: Callable[..., Any]) -> Signature:
    """
    Return what ``function`` takes: the arguments from clients, and what is injected.

    ``async def add(a: int, b: int, user: Identity)`` takes the arguments ``a`` and ``b``.

    Raises:
        ConfigurationError: with reason ``unusable-signature``: a parameter that no JSON object can
            fill (``*args``, ``**kwargs``, positional-only), or a type that has no schema.
    """
    hints = _hints(function)
    parameters: dict[str, Parameter] = {}
    identity: dict[str, bool] = {}
    context: list[str] = []
    depends: dict[str, inspect.Parameter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _unusable(function, f"clients cannot name its parameter {name!r}")
        annotation = hints.get(name, Any)
        if (optional := _optional_identity(annotation)) is not None:
            identity[name] = not optional
        elif _without_metadata(annotation) is Context:
            context.append(name)
        elif is_dependency(annotation, parameter.default):
            depends[name] = parameter.replace(annotation=annotation)
        else:
            parameters[name] = (annotation, parameter.default)
    signature = Signature(
        function=function,
        parameters=parameters,
        identity=tuple(identity),
        identity_required=any(identity.values()),
        context=tuple(context),
        dependencies=read_dependencies(function, depends) if depends else None,
        plain=plain_types({name: _unconstrained(*one) for name, one in parameters.items()}),
    )
    # Computed now: the author learns of a type without a schema at start-up, not from a client.
    _ = signature.schema
    return signature


def _unconstrained(annotation: Any, default: Any) -> Any:
    """Return the annotation, or ``Any`` if a default such as ``Field(ge=0)`` constrains it."""
    # Without pydantic in the process, no default can be one of its fields.
    loaded = sys.modules.get("pydantic.fields")
    return Any if loaded is not None and isinstance(default, loaded.FieldInfo) else annotation


def _without_metadata(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise _unusable(function, f"its annotations cannot be read ({error})") from error


def _optional_identity(annotation: Any) -> bool | None:
    """Say whether the annotation is ``Identity | None`` or ``Identity``; ``None`` for others."""
    annotation = _without_metadata(annotation)
    if annotation is Identity:
        return False
    if get_origin(annotation) in (Union, types.UnionType):
        arms = [_optional_identity(arm) for arm in get_args(annotation) if arm is not type(None)]
        # Every arm: a client could fill an ``Identity | str``.
        if arms and all(arm is not None for arm in arms):
            return type(None) in get_args(annotation)
        if any(arm is not None for arm in arms):
            raise ConfigurationError(
                "unusable-signature",
                "A parameter is an Identity or something that a client could send.",
                "Annotate it as Identity or as Identity | None.",
            )
    return None


def _unusable(function: Callable[..., Any], why: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-signature",
        f"{function.__qualname__} cannot be served: {why}.",
        "Give it named parameters with types that pydantic can validate.",
    )
