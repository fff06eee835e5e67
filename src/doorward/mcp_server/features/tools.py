"""``tools/call``, and how an author's function becomes a tool."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw

from doorward.downstream.refusals import AccountNotConnected, DownstreamProblem, refusal_in
from doorward.errors import ConfigurationError, Unavailable
from doorward.mcp_server.features.account_links import connected_meanwhile
from doorward.mcp_server.features.tasks import Tasks, TaskSupport
from doorward.mcp_server.functions.error_reporting import report, report_failure
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import InvalidArguments, InvalidParams, ToolError
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.mcp_server.schemas.parameter_headers import ParameterHeader, read_parameter_headers
from doorward.mcp_server.schemas.results import (
    ResultSchema,
    ToolResult,
    read_result_schema,
    text_content,
)
from doorward.policy import Operation
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal, UnknownMethod

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Tool:
    """A typed function as a tool, with its two schemas."""

    name: str
    function: Function
    result_schema: ResultSchema
    parameter_headers: tuple[ParameterHeader, ...]
    full_definition: Raw
    # Without title and output schema, for 2025-03-26.
    basic_definition: Raw
    task: TaskSupport | None = None

    def definition(self, revision: ProtocolRevision) -> Raw:
        """Return the definition in lists. Spec: MCP 2026-07-28, server/tools, "Tool"."""
        return self.full_definition if revision.structured_content else self.basic_definition

    async def call(self, arguments: dict[str, Any], request: RequestContext) -> Result:
        """
        Return the result of one call.

        Raises:
            ProtocolRefusal: for the client and not for the model, such as a missing capability.

        Every other failure is a result with ``isError``, which the model can read. It has the text
        of a ``ToolError``, and of a downstream failure; other exceptions are logged only.

        Spec: MCP 2026-07-28, server/tools, "Error Handling"
        """
        try:
            try:
                return await self._run(arguments, request)
            except AccountNotConnected as missing:
                if not await connected_meanwhile(missing, request):
                    raise
            return await self._run(arguments, request)
        except ProtocolRefusal:
            raise
        except InvalidArguments as error:
            return _failure(str(error))
        except ToolError as error:
            return _failure(error.message)
        except AccountNotConnected as missing:
            # Nothing is wrong, so nothing is logged.
            return _failure(missing.description)
        except (DownstreamProblem, Unavailable) as error:
            # The user must know: only they can decide to sign in again or to wait.
            report("tool-without-token", self.name, error)
            return _failure(error.public)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
            return _failure(report_failure("tool", self.name, error))

    async def _run(self, arguments: dict[str, Any], request: RequestContext) -> Result:
        given = self.function.signature.read(arguments)
        try:
            value = await self.function.run(given, request)
        except ExceptionGroup as group:
            refusal = refusal_in(group)
            if refusal is group:
                raise
            raise refusal from group
        return _result(self.result_schema.encode(value), request.revision)


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
    Return ``function`` as a tool; ``input_schema`` replaces the schema of the signature in lists.

    Raises:
        ConfigurationError: its parameters or its results have no JSON Schema.
    """
    signature = read_signature(function)
    result_schema = read_result_schema(function)
    definition: dict[str, Any] = {"name": name or function.__name__}
    if text := description or inspect.getdoc(function):
        definition["description"] = text
    schema = signature.schema if input_schema is None else _object_schema(input_schema)
    definition["inputSchema"] = schema
    if annotations:
        definition["annotations"] = dict(annotations)
    basic = Raw(_encode(definition))
    if title is not None:
        definition["title"] = title
    if result_schema.schema is not None:
        definition["outputSchema"] = result_schema.schema
    return Tool(
        name=definition["name"],
        function=read_function(function, signature),
        result_schema=result_schema,
        parameter_headers=read_parameter_headers(schema),
        full_definition=Raw(_encode(definition)),
        basic_definition=basic,
        task=task,
    )


def _object_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("type") != "object":
        raise ConfigurationError(
            "unusable-schema",
            "An input schema does not say that arguments are an object.",
            'Put "type": "object" at its root.',
        )
    return dict(schema)


def call_tool(registry: Registry[Tool], tasks: Tasks, request: RequestContext) -> Awaitable[Result]:
    """
    Answer ``tools/call``; returns an awaitable.

    Raises:
        InterimResult: the server needs input, or the call became a task.
        InvalidParams: this caller has no such tool, or the arguments are not an object.
        ParameterMismatch: a header differs from its argument.

    Spec: MCP 2026-07-28, server/tools, "Calling Tools"
    """
    try:
        tool = registry.find(request.name, request.identity)
    except InvalidParams:
        if registry:
            raise
        # Without tools the server has no such capability.
        raise UnknownMethod("Method not found") from None
    arguments = arguments_of(request)
    if request.revision.modern:
        for header in tool.parameter_headers:
            header.check(arguments, request.headers)
    if tool.task is None:
        return tool.call(arguments, request)
    operation = Operation("tools/call", tool.name)
    return tasks.run(tool.task, operation, partial(tool.call, arguments), request)


def arguments_of(request: RequestContext) -> dict[str, Any]:
    """
    Return the arguments of the request; without arguments, an empty dict.

    Raises:
        InvalidParams: they are not an object.
    """
    arguments = request.params.get("arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise InvalidParams("arguments must be an object")
    return arguments


def _result(encoded: ToolResult, revision: ProtocolRevision) -> Result:
    result: Result = {"content": encoded.content, "isError": False}
    if encoded.structured is not None and revision.structured_content:
        result["structuredContent"] = encoded.structured
    return result


def _failure(text: str) -> Result:
    return {"content": text_content(text), "isError": True}
