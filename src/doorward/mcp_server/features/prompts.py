"""``prompts/get``, and how an author's function becomes a prompt."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from msgspec import Raw

from doorward.mcp_server.features.tools import arguments_of
from doorward.mcp_server.functions.error_reporting import report_failure
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import Signature, read_signature
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import InternalFailure, InvalidArguments, InvalidParams, ToolError
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.mcp_server.schemas.content import Content, Message
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

_CONTENT_TYPES: tuple[type[Any], ...] = (str, *get_args(Content))
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Prompt:
    """A typed function as a prompt; it returns a text, a message, or several of either."""

    name: str
    description: str | None
    function: Function
    full_definition: Raw
    # Without title, for 2025-03-26.
    basic_definition: Raw

    def definition(self, revision: ProtocolRevision) -> Raw:
        """Return the definition in lists. Spec: MCP 2026-07-28, server/prompts, "Prompt"."""
        return self.full_definition if revision.structured_content else self.basic_definition

    async def get(self, arguments: Mapping[str, Any], request: RequestContext) -> Result:
        """
        Return the messages of the prompt for these arguments.

        Raises:
            InvalidParams: the arguments do not fit, or the author raised a ``ToolError``.
            InternalFailure: the author's code failed.
        """
        given = self._read(arguments)
        try:
            value = await self.function.run(given, request)
            messages = [message.prompt_message() for message in _messages(value)]
            result: Result = {"messages": Raw(_encode(messages))}
            if self.description is not None:
                result["description"] = self.description
            return result
        except ProtocolRefusal:
            raise
        except ToolError as error:
            raise InvalidParams(error.message) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
            raise InternalFailure(report_failure("prompt", self.name, error)) from None

    def _read(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        # On the wire every prompt argument is a string: a number comes as "5".
        if not all(isinstance(value, str) for value in arguments.values()):
            raise InvalidParams("Invalid arguments. Every argument of a prompt is a string.")
        try:
            return self.function.signature.read(arguments, "strings")
        except InvalidArguments as error:
            raise InvalidParams(str(error)) from None


def read_prompt(
    function: Callable[..., Any], *, name: str | None, title: str | None, description: str | None
) -> Prompt:
    """
    Return ``function`` as a prompt.

    Raises:
        ConfigurationError: it has a parameter that no text can fill.
    """
    signature = read_signature(function)
    description = description or inspect.getdoc(function)
    definition: dict[str, Any] = {"name": name or function.__name__}
    if description is not None:
        definition["description"] = description
    definition["arguments"] = _arguments(signature)
    basic = Raw(_encode(definition))
    if title is not None:
        definition["title"] = title
    return Prompt(
        name=definition["name"],
        description=description,
        function=read_function(function, signature),
        full_definition=Raw(_encode(definition)),
        basic_definition=basic,
    )


async def get_prompt(registry: Registry[Prompt], request: RequestContext) -> Result:
    """
    Answer ``prompts/get``.

    Raises:
        InvalidParams: this caller has no such prompt, or the arguments are invalid.
        InternalFailure: the author's code failed.

    Spec: MCP 2026-07-28, server/prompts, "Getting a Prompt"
    """
    prompt = registry.find(request.name, request.identity)
    return await prompt.get(arguments_of(request), request)


def _arguments(signature: Signature) -> list[dict[str, Any]]:
    schema = signature.schema
    arguments = []
    for name, parameter in schema["properties"].items():
        argument: dict[str, Any] = {"name": name}
        if description := parameter.get("description"):
            argument["description"] = description
        argument["required"] = name in schema.get("required", ())
        arguments.append(argument)
    return arguments


def _messages(value: Any) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    if isinstance(value, _CONTENT_TYPES):
        return [Message(value)]
    if isinstance(value, Sequence):
        return [message for item in value for message in _messages(item)]
    raise TypeError(f"a prompt returned {type(value).__name__}, neither text nor messages")
