"""A Python signature, read once: what may be sent, what is injected, and the schema of both."""

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
from doorward.mcp_server.schemas.plain_schema import Declared, plain_schema
from doorward.mcp_server.schemas.plain_types import plain_types

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class Signature:
    """
    What a function takes.

    ``declared`` is what a peer may send; ``identity`` names the parameters that only the guard can
    fill, ``context`` those for the request itself, ``dependencies`` those that FastAPI fills.
    The sets of names are disjoint, and no other argument is accepted.
    """

    function: Callable[..., Any]
    declared: Mapping[str, Declared]
    identity: tuple[str, ...]
    identity_required: bool
    context: tuple[str, ...] = ()
    dependencies: Dependencies | None = None
    # The arguments and their types, when a value is judged by its type alone.
    plain: Mapping[str, type] | None = None

    @cached_property
    def arguments(self) -> "TypeAdapter[dict[str, Any]]":
        """
        What judges the arguments that a peer sends.

        Raises:
            ConfigurationError: with reason ``unusable-signature``: a type that has no schema.
        """
        from doorward.mcp_server.schemas.pydantic_types import NO_SCHEMA, adapter_of

        try:
            return adapter_of(self.function.__name__, self.declared)
        except NO_SCHEMA as error:
            why = "one of its parameters has a type without a schema"
            raise _unusable(self.function, why) from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema 2020-12 of the arguments. Raises: as ``arguments``."""
        known = plain_schema(self.declared, additionalProperties=False)
        if known is not None:
            return known
        from doorward.mcp_server.schemas.pydantic_types import schema_of

        return schema_of(self.arguments)


def read_signature(function: Callable[..., Any]) -> Signature:
    """
    Return what ``function`` takes: JSON-sent arguments apart from what is injected.

    ``async def add(a: int, b: int, user: Identity)`` takes the arguments ``a`` and ``b``.

    Raises:
        ConfigurationError: with reason ``unusable-signature``: a parameter that no JSON object can
            fill (``*args``, ``**kwargs``, positional-only), or a type that has no schema.
    """
    hints = _hints(function)
    declared: dict[str, Declared] = {}
    identity: dict[str, bool] = {}
    context: list[str] = []
    depends: dict[str, inspect.Parameter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _unusable(function, f"its parameter {name!r} has no name that a peer could send")
        annotation = hints.get(name, Any)
        if (optional := _identity(annotation)) is not None:
            identity[name] = not optional
        elif _unwrap_annotated(annotation) is Context:
            context.append(name)
        elif is_dependency(annotation, parameter.default):
            depends[name] = parameter.replace(annotation=annotation)
        else:
            declared[name] = (annotation, parameter.default)
    signature = Signature(
        function=function,
        declared=declared,
        identity=tuple(identity),
        identity_required=any(identity.values()),
        context=tuple(context),
        dependencies=read_dependencies(function, depends) if depends else None,
        plain=plain_types({name: _type_unless_constrained(*one) for name, one in declared.items()}),
    )
    # Whatever cannot be served is told to the author, and not to the first peer that asks.
    _ = signature.schema
    return signature


def _type_unless_constrained(annotation: Any, default: Any) -> Any:
    """Return the annotation, unless a default such as ``Field(ge=0)`` says more than it does."""
    # Nobody has made one if nobody has loaded pydantic.
    loaded = sys.modules.get("pydantic.fields")
    return Any if loaded is not None and isinstance(default, loaded.FieldInfo) else annotation


def _unwrap_annotated(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise _unusable(function, f"its annotations cannot be read ({error})") from error


def _identity(annotation: Any) -> bool | None:
    """Say whether the parameter is an optional identity (true), a needed one (false), or neither."""
    annotation = _unwrap_annotated(annotation)
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


def _unusable(function: Callable[..., Any], why: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-signature",
        f"{function.__qualname__} cannot be served: {why}.",
        "Give it named parameters with types that pydantic can validate.",
    )
