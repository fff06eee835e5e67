"""Tools: typed functions that a model may call."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from doorward.downstream.refusals import DownstreamProblem
from doorward.errors import ConfigurationError, DoorwardError, Unavailable
from doorward.mcp_server.features.tasks import Tasks, TaskSupport
from doorward.mcp_server.functions.error_reporting import report
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import (
    IdentityRequired,
    InvalidParams,
    ProtocolRefusal,
    ToolError,
    UnknownMethod,
)
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.schemas.parameter_headers import ParameterHeader, read_parameter_headers
from doorward.mcp_server.schemas.plain_types import are_plain
from doorward.mcp_server.schemas.results import (
    EncodedResult,
    ResultSchema,
    read_result_schema,
    text_content,
)
from doorward.policy import Operation

# Brought in by the first arguments that are not plain: a server that has only plain ones starts
# without it.
if TYPE_CHECKING:
    from pydantic import ValidationError

_encode = msgspec.json.Encoder().encode
_MAX_ERRORS = 10


class _BadArguments(DoorwardError):
    """The arguments are not what the input schema says; the model is told which and why."""


@dataclass(frozen=True)
class Tool:
    """A typed function as a tool: its two schemas were read from its signature, once."""

    name: str
    function: Function
    outcome: ResultSchema
    parameter_headers: tuple[ParameterHeader, ...]
    full_definition: bytes
    basic_definition: bytes
    task: TaskSupport | None = None

    def definition(self, revision: ProtocolRevision) -> bytes:
        """Return the description in a list; Spec: MCP 2026-07-28, server/tools, "Tool"."""
        return self.full_definition if revision.structured else self.basic_definition

    async def answer(self, arguments: dict[str, Any], request: RequestContext) -> bytes:
        """
        Return the members of the result of one call.

        Raises:
            ProtocolRefusal: the author lets one pass that is for the client and not for the model,
                such as that it cannot be asked.

        Whatever goes wrong from here on is a result with ``isError``, which the model can read and
        act upon. An author's ``ToolError`` speaks for itself, and so does what stood between the
        tool and the next server; of everything else nothing is told.

        Spec: MCP 2026-07-28, server/tools, "Error Handling"
        """
        try:
            given = self._read(arguments)
            value = await self.function.run(given, request)
            return _members(self.outcome.encode(value), request.revision)
        except _BadArguments as refusal:
            return _failure(str(refusal))
        except ProtocolRefusal:
            raise
        except ToolError as error:
            return _failure(error.message)
        except IdentityRequired as error:
            report("tool-needs-a-guard", self.name, error)
            return _failure(error.public)
        except (DownstreamProblem, Unavailable) as error:
            # Whether to sign in again or to wait, only whoever reads this can decide.
            report("tool-without-token", self.name, error)
            return _failure(error.public)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
            return _failure(report("tool-failed", self.name, error))

    def _read(self, arguments: dict[str, Any]) -> dict[str, Any]:
        signature = self.function.signature
        if signature.plain is not None and are_plain(arguments, signature.plain):
            return arguments
        from pydantic import ValidationError
        from pydantic_core import to_json

        try:
            # Judged as JSON and strictly: what the published schema refuses, no function sees.
            text = to_json(arguments, inf_nan_mode="constants")
            given: dict[str, Any] = signature.arguments.validator.validate_json(text, strict=True)
        except ValidationError as error:
            raise _BadArguments(describe_errors(error)) from None
        return given


def read_tool(
    function: Callable[..., Any],
    *,
    name: str | None,
    title: str | None,
    description: str | None,
    annotations: Mapping[str, Any] | None,
    input_schema: Mapping[str, Any] | None = None,
    task: TaskSupport | None = None,
) -> Tool:
    """
    Return ``function`` as a tool; ``input_schema`` is published in place of the signature's own.

    Raises:
        ConfigurationError: its parameters or its results have no JSON schema.
    """
    signature = read_signature(function)
    outcome = read_result_schema(function)
    definition: dict[str, Any] = {"name": name or function.__name__}
    if said := description or docstring_of(function):
        definition["description"] = said
    schema = signature.schema if input_schema is None else _object_schema(input_schema)
    definition["inputSchema"] = schema
    if annotations:
        definition["annotations"] = dict(annotations)
    basic = _encode(definition)
    if title is not None:
        definition["title"] = title
    if outcome.schema is not None:
        definition["outputSchema"] = outcome.schema
    runner = read_function(function, signature)
    parameter_headers = read_parameter_headers(schema)
    return Tool(
        definition["name"], runner, outcome, parameter_headers, _encode(definition), basic, task
    )


def _object_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("type") != "object":
        raise ConfigurationError(
            "unusable-schema",
            "An input schema does not say that arguments are an object.",
            'Put "type": "object" at its root.',
        )
    return dict(schema)


def docstring_of(function: Callable[..., Any]) -> str | None:
    """Return the docstring of a function without its indentation."""
    return inspect.getdoc(function)


def describe_errors(error: "ValidationError") -> str:
    """Return what is wrong with the arguments, without a word of what was sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found[:_MAX_ERRORS]]
    return "Invalid arguments. " + "; ".join(lines)


def call_tool(registry: Registry[Tool], tasks: Tasks, request: RequestContext) -> Awaitable[bytes]:
    """
    Return the answer to ``tools/call``, to be awaited.

    Raises:
        Interim: the client is asked for input, or is given a task.
        InvalidParams: there is no such tool for this caller, or the arguments are no object.
        ParameterMismatch: a header says something else than an argument.

    Spec: MCP 2026-07-28, server/tools, "Calling Tools"
    """
    try:
        tool = registry.find(request.name, request.identity)
    except InvalidParams:
        if registry:
            raise
        # The capability is absent.
        raise UnknownMethod("Method not found") from None
    arguments = sent_arguments(request)
    if request.revision.modern:
        for parameter in tool.parameter_headers:
            parameter.check(arguments, request.headers)
    if tool.task is None:
        return tool.answer(arguments, request)
    operation = Operation("tools/call", tool.name)
    return tasks.run(tool.task, operation, partial(tool.answer, arguments), request)


def sent_arguments(request: RequestContext) -> dict[str, Any]:
    """
    Return the arguments of the request; none at all is an empty object.

    Raises:
        InvalidParams: they are not an object.
    """
    arguments = request.params.get("arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise InvalidParams("arguments must be an object")
    return arguments


def _members(encoded: EncodedResult, revision: ProtocolRevision) -> bytes:
    if encoded.structured is None or not revision.structured:
        return b'"content":%b,"isError":false' % encoded.content
    both = (encoded.content, encoded.structured)
    return b'"content":%b,"isError":false,"structuredContent":%b' % both


def _failure(text: str) -> bytes:
    return b'"content":%b,"isError":true' % text_content(text)
