"""Prompts: typed functions that a user may start a conversation with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from doorward.mcp_server.features.tools import describe_errors, docstring_of, sent_arguments
from doorward.mcp_server.functions.error_reporting import report
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import Signature, read_signature
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import (
    IdentityRequired,
    InternalFailure,
    InvalidParams,
    ProtocolRefusal,
    ToolError,
)
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.schemas.content import Content, Message
from doorward.mcp_server.schemas.plain_types import are_plain

_CONTENT_TYPES: tuple[type[Any], ...] = (str, *get_args(Content))
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Prompt:
    """A typed function as a prompt; it returns a text, a message, or several of either."""

    name: str
    description: str | None
    function: Function
    full_definition: bytes
    basic_definition: bytes

    def definition(self, revision: ProtocolRevision) -> bytes:
        """Return the description in a list; Spec: MCP 2026-07-28, server/prompts, "Prompt"."""
        return self.full_definition if revision.structured else self.basic_definition

    async def answer(self, arguments: Mapping[str, Any], request: RequestContext) -> bytes:
        """
        Return the members of the result of one ``prompts/get``.

        Raises:
            InvalidParams: the arguments are not what the prompt takes, or its author says so.
            InternalFailure: the author's code failed.
        """
        given = self._read(arguments)
        try:
            value = await self.function.run(given, request)
            result: dict[str, Any] = {
                "messages": [
                    prompt_message.prompt_message() for prompt_message in _prompt_messages(value)
                ]
            }
            if self.description is not None:
                result["description"] = self.description
            return _encode(result)[1:-1]
        except ProtocolRefusal:
            raise
        except ToolError as error:
            raise InvalidParams(error.message) from None
        except IdentityRequired as error:
            report("prompt-needs-a-guard", self.name, error)
            raise InternalFailure(error.public) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
            raise InternalFailure(report("prompt-failed", self.name, error)) from None

    def _read(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        # On the wire every prompt argument is a string; "5" is how a number comes here.
        if not all(isinstance(value, str) for value in arguments.values()):
            raise InvalidParams("Invalid arguments. Every argument of a prompt is a string.")
        signature = self.function.signature
        if signature.plain is not None and are_plain(arguments, signature.plain):
            return arguments
        from pydantic import ValidationError

        try:
            return signature.arguments.validate_strings(arguments)
        except ValidationError as error:
            raise InvalidParams(describe_errors(error)) from None


def read_prompt(
    function: Callable[..., Any], *, name: str | None, title: str | None, description: str | None
) -> Prompt:
    """
    Return ``function`` as a prompt.

    Raises:
        ConfigurationError: it has a parameter that no text can fill.
    """
    signature = read_signature(function)
    description = description or docstring_of(function)
    definition: dict[str, Any] = {"name": name or function.__name__}
    if description is not None:
        definition["description"] = description
    definition["arguments"] = _arguments(signature)
    basic = _encode(definition)
    if title is not None:
        definition["title"] = title
    runner = read_function(function, signature)
    return Prompt(definition["name"], description, runner, _encode(definition), basic)


async def get_prompt(registry: Registry[Prompt], request: RequestContext) -> bytes:
    """
    Answer ``prompts/get``.

    Raises:
        InvalidParams: there is no such prompt for this caller, or its arguments are wrong.
        InternalFailure: the author's code failed.

    Spec: MCP 2026-07-28, server/prompts, "Getting a Prompt"
    """
    prompt = registry.find(request.name, request.identity)
    return await prompt.answer(sent_arguments(request), request)


def _arguments(signature: Signature) -> list[dict[str, Any]]:
    schema = signature.schema
    arguments = []
    for name, declared in schema["properties"].items():
        argument: dict[str, Any] = {"name": name}
        if description := declared.get("description"):
            argument["description"] = description
        argument["required"] = name in schema.get("required", ())
        arguments.append(argument)
    return arguments


def _prompt_messages(value: Any) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    if isinstance(value, _CONTENT_TYPES):
        return [Message(value)]
    if isinstance(value, Sequence):
        return [prompt_message for item in value for prompt_message in _prompt_messages(item)]
    raise TypeError(f"a prompt returned {type(value).__name__}, neither text nor messages")
