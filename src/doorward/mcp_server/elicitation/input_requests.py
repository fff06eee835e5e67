"""What a function can ask of the client: a form, a model, the roots; and how responses are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from doorward.mcp_server.refusals import InvalidInputResponse
from doorward.mcp_server.schemas.content import Message, Text

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_FORM_FIELD_TYPES = frozenset({"string", "number", "integer", "boolean", "array"})


class InputRequest(Protocol[T_co]):
    """A request to the client, and how its response is read."""

    @property
    def method(self) -> str:
        """The method of the request."""

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """The client capabilities that the request needs, as on the wire."""

    def params(self) -> dict[str, Any]:
        """Return the params of the request."""

    def read(self, response: Mapping[str, Any]) -> T_co:
        """
        Return what the response says.

        Raises:
            InvalidInputResponse: it is not a response to this request.
        """


def on_the_wire(requests: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
    """Return the value of ``inputRequests``."""
    return {
        key: {"method": request.method, "params": request.params()}
        for key, request in requests.items()
    }


@dataclass(frozen=True)
class Elicited(Generic[T]):
    """What the user did with a form; ``content`` is set when they submitted it."""

    action: Literal["accept", "decline", "cancel"]
    content: T | None = None

    @property
    def accepted(self) -> bool:
        """Say whether the user submitted the form."""
        return self.action == "accept"


@dataclass(frozen=True)
class Elicit(Generic[T]):
    """
    A form for the user.

    ```python
    class Address(BaseModel):
        street: str

    @server.tool()
    async def deliver(ctx: Context) -> str:
        \"\"\"Ask for three things at once.\"\"\"
        answers = await ctx.ask(
            address=Elicit("Where to?", Address),
            note=Sample("Write a short note.", max_tokens=50),
            folders=ListRoots(),
        )
        address: Elicited[Address] = answers["address"]
        note: Sampled = answers["note"]
        folders: tuple[Root, ...] = answers["folders"]
        if address.content is None:
            return "Cancelled."
        return f"{address.content.street}: {note.text} ({len(folders)} folders)"
    ```

    ``form`` is a type whose fields are text, numbers, booleans or choices (a pydantic model, a
    dataclass, a typed dict), or the JSON Schema of an object; then the content is a plain dict.

    Spec: MCP 2026-07-28, client/elicitation, "Form Mode"
    """

    message: str
    form: type[T] | Mapping[str, Any]

    method = "elicitation/create"

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """Form mode, which a client that declares no mode supports."""
        return {"elicitation": {}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``elicitation/create``."""
        form: Any = self.form
        schema = form if isinstance(form, Mapping) else _form_schema(form)
        return {"mode": "form", "message": self.message, "requestedSchema": dict(schema)}

    def read(self, response: Mapping[str, Any]) -> Elicited[T]:
        """Return what the user did. Raises: InvalidInputResponse."""
        action = response.get("action")
        if action in ("decline", "cancel"):
            return Elicited(action)
        content = response.get("content")
        if action != "accept" or not isinstance(content, dict):
            raise InvalidInputResponse("is neither an accepted form nor a refusal")
        if isinstance(self.form, Mapping):
            required = self.form.get("required", ())
            if missing := [name for name in required if name not in content]:
                raise InvalidInputResponse(f"lacks {missing[0]!r}")
            return Elicited("accept", content)  # type: ignore[arg-type]
        from doorward.mcp_server.schemas.pydantic_types import validate_form

        form: Any = self.form
        return Elicited("accept", validate_form(form, content))


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
    A request to the client's model.

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
        given = self.messages
        messages = [Message(Text(given))] if isinstance(given, str) else given
        params = {
            "messages": [message.prompt_message() for message in messages],
            "maxTokens": self.max_tokens,
        }
        if self.system_prompt is not None:
            params["systemPrompt"] = self.system_prompt
        return {**params, **self.options}

    def read(self, response: Mapping[str, Any]) -> Sampled:
        """Return what the model said. Raises: InvalidInputResponse."""
        model, content = response.get("model"), response.get("content")
        stop_reason = response.get("stopReason")
        blocks = content if isinstance(content, list) else [content]
        valid = all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in blocks)
        if not isinstance(model, str) or not blocks or not valid:
            raise InvalidInputResponse("is not a message of a model")
        return Sampled(model, content, stop_reason if isinstance(stop_reason, str) else None)


@dataclass(frozen=True)
class Root:
    """A directory or file that the client works in."""

    uri: str
    name: str | None = None


@dataclass(frozen=True)
class ListRoots:
    """
    A request for the directories that the client works in.

    Spec: MCP 2026-07-28, client/roots
    """

    method = "roots/list"

    @property
    def required_capabilities(self) -> dict[str, Any]:
        """A client with roots."""
        return {"roots": {}}

    def params(self) -> dict[str, Any]:
        """Return the params of ``roots/list``, which are empty."""
        return {}

    def read(self, response: Mapping[str, Any]) -> tuple[Root, ...]:
        """Return the roots. Raises: InvalidInputResponse."""
        roots = response.get("roots")
        if not isinstance(roots, list) or not all(
            isinstance(one, dict) and isinstance(one.get("uri"), str) for one in roots
        ):
            raise InvalidInputResponse("is not a list of roots")
        return tuple(Root(one["uri"], one.get("name")) for one in roots)


def _form_schema(form: Any) -> dict[str, Any]:
    from doorward.mcp_server.schemas.pydantic_types import form_schema

    schema = form_schema(form)
    properties = schema.get("properties", {})
    # Clients show one input per property; they support neither references nor nested objects.
    if schema.get("type") != "object" or not all(
        field_schema.get("type") in _FORM_FIELD_TYPES for field_schema in properties.values()
    ):
        raise TypeError(f"{form!r} is not a form: its fields must be text, numbers or choices")
    return {key: schema[key] for key in ("type", "properties", "required") if key in schema}
