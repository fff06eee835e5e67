"""Completion: what an argument of a prompt, or a variable of a template, could go on as."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from doorward.errors import ConfigurationError
from doorward.mcp_server.features.prompts import Prompt
from doorward.mcp_server.features.resource_registry import ResourceRegistry
from doorward.mcp_server.features.tools import describe_errors
from doorward.mcp_server.functions.error_reporting import report
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.refusals import (
    IdentityRequired,
    InternalFailure,
    InvalidParams,
    ProtocolRefusal,
    ToolError,
)
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import RequestContext

MAX_VALUES = 100
_PARAMETERS = {"value", "arguments"}
_encode = msgspec.json.Encoder().encode


class Completions:
    """
    The functions that complete, by the prompt or template and the argument they are for.

    Spec: MCP 2026-07-28, server/utilities/completion
    """

    def __init__(self, prompts: Registry[Prompt], resources: ResourceRegistry) -> None:
        self._prompts = prompts
        self._resources = resources
        self._functions: dict[tuple[str, str], Function] = {}

    def __bool__(self) -> bool:
        """Say whether anything can be completed."""
        return bool(self._functions)

    def add(self, of: str, argument: str, function: Callable[..., Any]) -> None:
        """Take one more function. Raises: ConfigurationError."""
        signature = read_signature(function)
        if not set(signature.schema.get("properties", {})) <= _PARAMETERS:
            raise ConfigurationError(
                "unusable-signature",
                f"{function.__qualname__} cannot complete: it takes more than value and arguments.",
                "Write 'def complete(value: str, arguments: dict[str, str]) -> list[str]'.",
            )
        if (of, argument) in self._functions:
            raise ConfigurationError(
                "name-taken",
                f"There are two completions of {argument!r} of {of!r}.",
                "Keep one of them.",
            )
        self._functions[(of, argument)] = read_function(function, signature)

    async def complete(self, request: RequestContext) -> bytes:
        """
        Answer ``completion/complete``; an argument that nobody completes has no suggestions.

        Raises:
            InvalidParams: no such prompt or template for this caller, or no argument.
            InternalFailure: the author's code failed.
        """
        of = self._find_reference(request)
        argument = request.params.get("argument")
        if not isinstance(argument, dict) or not all(
            isinstance(argument.get(member), str) for member in ("name", "value")
        ):
            raise InvalidParams("params.argument must have a name and a value")
        function = self._functions.get((of, argument["name"]))
        found: Sequence[str] = ()
        if function is not None:
            found = await _run(function, argument["value"], _chosen_arguments(request), request)
        completion: dict[str, Any] = {
            "values": list(found[:MAX_VALUES]),
            "total": len(found),
            "hasMore": len(found) > MAX_VALUES,
        }
        return b'"completion":' + _encode(completion)

    def _find_reference(self, request: RequestContext) -> str:
        ref = request.params.get("ref")
        kind = ref.get("type") if isinstance(ref, dict) else None
        if kind == "ref/prompt":
            return self._prompts.find(request.name, request.identity).name
        if kind != "ref/resource":
            raise InvalidParams("params.ref must be a ref/prompt or a ref/resource")
        if (found := self._resources.template(request.name, request.identity)) is None:
            raise InvalidParams("Unknown resource template")
        return found.name


async def _run(
    function: Function, value: str, others: Mapping[str, str], request: RequestContext
) -> list[str]:
    offered = {"value": value, "arguments": dict(others)}
    taken = function.signature.schema.get("properties", {})
    from pydantic import ValidationError

    try:
        sent = {name: one for name, one in offered.items() if name in taken}
        given = function.signature.arguments.validate_python(sent)
        return [str(one) for one in await function.run(given, request)]
    except ProtocolRefusal:
        raise
    except ValidationError as error:
        raise InvalidParams(describe_errors(error)) from None
    except ToolError as error:
        raise InvalidParams(error.message) from None
    except IdentityRequired as error:
        report("completion-needs-a-guard", function.target.__name__, error)
        raise InternalFailure(error.public) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
        raise InternalFailure(
            report("completion-failed", function.target.__name__, error)
        ) from None


def _chosen_arguments(request: RequestContext) -> dict[str, str]:
    context = request.params.get("context", {})
    others = context.get("arguments", {}) if isinstance(context, dict) else None
    if not isinstance(others, dict) or not all(isinstance(one, str) for one in others.values()):
        raise InvalidParams("params.context.arguments must be an object of strings")
    return others
