"""FastAPI's ``Depends`` in a tool, a prompt or a resource."""

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from doorward.errors import ConfigurationError
from doorward.mcp_server.refusals import InternalFailure, ToolError
from doorward.mcp_server.request_context import RequestContext

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant


def is_dependency(annotation: Any, default: Any) -> bool:
    """Say whether the annotation or the default of a parameter is a ``Depends``."""
    # Without FastAPI in the process there is none. FastAPI takes 17 MB, so it is imported late.
    if (loaded := sys.modules.get("fastapi.params")) is None:
        return False
    if isinstance(default, loaded.Depends):
        return True
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return any(isinstance(extra, loaded.Depends) for extra in extras)


@dataclass(frozen=True)
class Dependencies:
    """The parameters of a function that FastAPI fills; no client can send them."""

    dependant: "Dependant"

    @asynccontextmanager
    async def solved(self, request: RequestContext) -> AsyncIterator[Mapping[str, Any]]:
        """
        Yield the values; when the block ends, dependencies run the code after their ``yield``.

        Raises:
            ToolError: a dependency raised ``HTTPException`` below 500; the client gets its detail.
            InternalFailure: a dependency needs what an MCP request does not have.
        """
        from fastapi import HTTPException
        from fastapi.dependencies.utils import solve_dependencies
        from starlette.requests import Request

        app = request.scope.get("app")
        provider = app if hasattr(app, "dependency_overrides") else None
        async with AsyncExitStack() as outer, AsyncExitStack() as inner:
            # FastAPI takes its exit stacks from the scope.
            scope = {
                **request.scope,
                "fastapi_inner_astack": outer,
                "fastapi_function_astack": inner,
            }
            try:
                solved = await solve_dependencies(
                    request=Request(scope, request.receive),
                    dependant=self.dependant,
                    dependency_overrides_provider=provider,
                    async_exit_stack=outer,
                    embed_body_fields=False,
                )
            except HTTPException as refusal:
                if refusal.status_code >= 500:
                    raise
                raise ToolError(str(refusal.detail)) from None
            if solved.errors:
                raise InternalFailure("A dependency of this operation finds no such request data.")
            yield solved.values


def read_dependencies(
    function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]
) -> Dependencies:
    """
    Return these parameters of ``function`` as dependencies.

    Raises:
        ConfigurationError: with reason ``unusable-signature``: a dependency reads the body, which
            is the MCP message.
    """
    from fastapi.dependencies.utils import get_dependant

    def dependencies_only() -> None:
        """Hold the signature; never called."""

    dependencies_only.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters.values()]
    )
    dependant = get_dependant(path="/", call=dependencies_only)
    if _reads_body(dependant):
        raise ConfigurationError(
            "unusable-signature",
            f"{function.__qualname__} cannot be served: a dependency of it reads the body.",
            "Take what the client sends as a parameter of the function itself.",
        )
    return Dependencies(dependant)


def _reads_body(dependant: "Dependant") -> bool:
    return bool(dependant.body_params) or any(map(_reads_body, dependant.dependencies))
