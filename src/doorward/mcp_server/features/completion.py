"""``completion/complete``: suggestions for an argument of a prompt or a variable of a template."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from doorward.errors import ConfigurationError
from doorward.mcp_server.features.prompts import Prompt
from doorward.mcp_server.features.resource_registry import ResourceRegistry
from doorward.mcp_server.functions.error_reporting import report_failure
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.refusals import InternalFailure, InvalidArguments, InvalidParams, ToolError
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

MAX_VALUES = 100
_PARAMETERS = {"value", "arguments"}
_encode = msgspec.json.Encoder().encode


class Completions:
    """
    The completion functions, by prompt or template and by argument.

    Spec: MCP 2026-07-28, server/utilities/completion
    """

    def __init__(self, prompts: Registry[Prompt], resources: ResourceRegistry) -> None:
        self._prompts = prompts
        self._resources = resources
        self._functions: dict[tuple[str, str], Function] = {}

    def __bool__(self) -> bool:
        """Say whether anything is registered."""
        return bool(self._functions)

    def add(self, of: str, argument: str, function: Callable[..., Any]) -> None:
        """Register a completion function. Raises: ConfigurationError."""
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

    async def complete(self, request: RequestContext) -> Result:
        """
        Answer ``completion/complete``; without a function there are no suggestions.

        Raises:
            InvalidParams: this caller has no such prompt or template, or the argument is malformed.
            InternalFailure: the author's code failed.
        """
        of = self._reference(request)
        argument = request.params.get("argument")
        if not isinstance(argument, dict) or not all(
            isinstance(argument.get(member), str) for member in ("name", "value")
        ):
            raise InvalidParams("params.argument must have a name and a value")
        function = self._functions.get((of, argument["name"]))
        found: list[str] = []
        if function is not None:
            found = await _run(function, argument["value"], _arguments(request), request)
        completion: dict[str, Any] = {
            "values": found[:MAX_VALUES],
            "total": len(found),
            "hasMore": len(found) > MAX_VALUES,
        }
        return {"completion": Raw(_encode(completion))}

    def _reference(self, request: RequestContext) -> str:
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
    function: Function, value: str, arguments: Mapping[str, str], request: RequestContext
) -> list[str]:
    available = {"value": value, "arguments": dict(arguments)}
    parameters = function.signature.schema.get("properties", {})
    try:
        wanted = {name: one for name, one in available.items() if name in parameters}
        given = function.signature.read(wanted, "python")
        return [str(one) for one in await function.run(given, request)]
    except ProtocolRefusal:
        raise
    except InvalidArguments as error:
        raise InvalidParams(str(error)) from None
    except ToolError as error:
        raise InvalidParams(error.message) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
        name = function.target.__name__
        raise InternalFailure(report_failure("completion", name, error)) from None


def _arguments(request: RequestContext) -> dict[str, str]:
    context = request.params.get("context", {})
    arguments = context.get("arguments", {}) if isinstance(context, dict) else None
    if not isinstance(arguments, dict) or not all(
        isinstance(one, str) for one in arguments.values()
    ):
        raise InvalidParams("params.context.arguments must be an object of strings")
    return arguments
