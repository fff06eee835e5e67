"""What a tool, a prompt or a resource may ask of the client, and how the answers are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from doorward.mcp_server.schemas.content import Message, Text

# Brought in by the first form that is a type: a server that asks for none starts without it.
if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_FLAT = frozenset({"string", "number", "integer", "boolean", "array"})


class InvalidInputResponse(Exception):
    """A client's answer is not one to the question; the text may be told to it."""


class InputRequest(Protocol[T_co]):
    """Something to ask a client: on the wire, and how its answer is read."""

    @property
    def method(self) -> str:
        """The method of the request."""

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """The client capabilities it takes, as they are written on the wire."""

    def params(self) -> dict[str, Any]:
        """Return the params of the request."""

    def read(self, answer: Mapping[str, Any]) -> T_co:
        """
        Return what the answer says.

        Raises:
            BadAnswer: it is not an answer to this question.
        """


@dataclass(frozen=True)
class Elicited(Generic[T]):
    """What the user did with a form: ``content`` is there when they sent it in."""

    action: Literal["accept", "decline", "cancel"]
    content: T | None = None

    @property
    def accepted(self) -> bool:
        """Say whether the user filled the form in and sent it."""
        return self.action == "accept"


@dataclass(frozen=True)
class Elicit(Generic[T]):
    """
    A form for the user.

    ``form`` is a type whose fields are text, numbers, booleans or choices (a pydantic model, a
    dataclass, a typed dict), or a JSON schema of one object, whose answer is then a plain dict.

    Spec: MCP 2026-07-28, client/elicitation, "Form Mode"
    """

    message: str
    form: type[T] | Mapping[str, Any]

    method = "elicitation/create"

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """Form mode, which a client that names no mode can do."""
        return {"elicitation": {}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``elicitation/create``."""
        form: Any = self.form
        schema = form if isinstance(form, Mapping) else _form_schema(form)
        return {"mode": "form", "message": self.message, "requestedSchema": dict(schema)}

    def read(self, answer: Mapping[str, Any]) -> Elicited[T]:
        """Return what the user did. Raises: BadAnswer."""
        action = answer.get("action")
        if action in ("decline", "cancel"):
            return Elicited(action)
        content = answer.get("content")
        if action != "accept" or not isinstance(content, dict):
            raise InvalidInputResponse("is neither an accepted form nor a refusal")
        if isinstance(self.form, Mapping):
            required = self.form.get("required", ())
            if missing := [name for name in required if name not in content]:
                raise InvalidInputResponse(f"lacks {missing[0]!r}")
            return Elicited("accept", content)  # type: ignore[arg-type]
        from pydantic import ValidationError

        try:
            # Not strictly: 1.0 is an integer to JSON, and a date is text.
            form: Any = self.form
            return Elicited("accept", _adapter(form).validate_python(content))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInputResponse(f"does not fit the form: {where}: {first['msg']}") from None


@dataclass(frozen=True)
class Sampled:
    """What the client's model said; ``content`` is the content block, or several, as it came."""

    model: str
    content: Any
    stop_reason: str | None = None

    @property
    def text(self) -> str:
        """The text of all text blocks together."""
        blocks = self.content if isinstance(self.content, list) else [self.content]
        return "".join(block.get("text", "") for block in blocks if block.get("type") == "text")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """
    A question to the client's own model.

    Spec: MCP 2026-07-28, client/sampling
    """

    messages: str | Sequence[Message]
    max_tokens: int
    system_prompt: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    method = "sampling/createMessage"

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """A client with a model."""
        return {"sampling": {}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``sampling/createMessage``."""
        told = self.messages
        turns = [Message(Text(told))] if isinstance(told, str) else told
        params = {
            "messages": [prompt_message.prompt_message() for prompt_message in turns],
            "maxTokens": self.max_tokens,
        }
        if self.system_prompt is not None:
            params["systemPrompt"] = self.system_prompt
        return {**params, **self.options}

    def read(self, answer: Mapping[str, Any]) -> Sampled:
        """Return what the model said. Raises: BadAnswer."""
        model, content, stop = answer.get("model"), answer.get("content"), answer.get("stopReason")
        blocks = content if isinstance(content, list) else [content]
        sound = all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in blocks)
        if not isinstance(model, str) or not blocks or not sound:
            raise InvalidInputResponse("is not a message of a model")
        return Sampled(model, content, stop if isinstance(stop, str) else None)


@dataclass(frozen=True)
class Root:
    """A directory or file that the client works in."""

    uri: str
    name: str | None = None


@dataclass(frozen=True)
class ListRoots:
    """
    The question which directories the client works in.

    Spec: MCP 2026-07-28, client/roots
    """

    method = "roots/list"

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """A client with roots."""
        return {"roots": {}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``roots/list``: none."""
        return {}

    def read(self, answer: Mapping[str, Any]) -> tuple[Root, ...]:
        """Return the roots. Raises: BadAnswer."""
        roots = answer.get("roots")
        if not isinstance(roots, list) or not all(
            isinstance(one, dict) and isinstance(one.get("uri"), str) for one in roots
        ):
            raise InvalidInputResponse("is not a list of roots")
        return tuple(Root(one["uri"], one.get("name")) for one in roots)


@lru_cache(maxsize=256)
def _adapter(form: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(form)


@lru_cache(maxsize=256)
def _form_schema(form: Any) -> dict[str, Any]:
    from doorward.mcp_server.schemas.pydantic_types import PlainSchema

    schema = _adapter(form).json_schema(schema_generator=PlainSchema)
    properties = schema.get("properties", {})
    # Clients draw one input per property; they know neither references nor objects in objects.
    if schema.get("type") != "object" or not all(
        declared.get("type") in _FLAT for declared in properties.values()
    ):
        raise TypeError(f"{form!r} is no form: its fields must be text, numbers or choices")
    return {key: schema[key] for key in ("type", "properties", "required") if key in schema}
