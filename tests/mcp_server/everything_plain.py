"""Tools, prompts and resources of the conformance suite that need one request."""

import base64
from typing import Annotated

from pydantic import Field

from doorward.mcp_server import Audio, EmbeddedResource, Image, McpServer, Message, Text, ToolError

# One red pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def add_plain(server: McpServer) -> None:
    """Offer what answers at once."""
    _tools(server)
    _more_tools(server)
    _prompts(server)
    _resources(server)


def _tools(server: McpServer) -> None:
    @server.tool()
    async def add(a: int, b: int) -> int:
        """Add two whole numbers."""
        return a + b

    @server.tool()
    def test_simple_text() -> str:
        """Answer with text."""
        return "This is a simple text response for testing."

    @server.tool()
    def test_error_handling() -> str:
        """Fail."""
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool()
    def test_image_content() -> Image:
        """Answer with a picture."""
        return Image(PNG, "image/png")

    @server.tool()
    def test_audio_content() -> Audio:
        """Answer with a sound."""
        return Audio(b"RIFF", "audio/wav")

    @server.tool()
    def test_embedded_resource() -> EmbeddedResource:
        """Answer with a resource."""
        return _resource("test://embedded-resource")

    @server.tool()
    def test_multiple_content_types() -> list[Text | Image | EmbeddedResource]:
        """Answer with several things."""
        return [Text("Several:"), Image(PNG, "image/png"), _resource("test://mixed")]

    @server.tool()
    def test_mirrored_header(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
        limit: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Limit"})] = 1,
    ) -> str:
        """Answer with an argument that came in a header too."""
        return f"{region} {limit}"


def _more_tools(server: McpServer) -> None:
    @server.tool(input_schema=SCHEMA)
    def json_schema_2020_12_tool(
        name: str = "",
        address: dict[str, str] | None = None,
        contactMethod: str = "",  # noqa: N803
        phone: str = "",
        email: str = "",
    ) -> str:
        """Tool with JSON Schema 2020-12 features"""
        return f"{name} {address} {contactMethod} {phone} {email}"

    @server.tool()
    async def test_trigger_tool_change() -> str:
        """Say that the tools changed."""
        await server.notify_tools_changed()
        return "changed"

    @server.tool()
    async def test_trigger_prompt_change() -> str:
        """Say that the prompts changed."""
        await server.notify_prompts_changed()
        return "changed"


def _resources(server: McpServer) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """A picture."""
        return PNG

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template_data(id: str) -> dict[str, object]:  # noqa: A002
        """Data by id."""
        return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        """A text that changes."""
        return "Watched."

    @server.completion("test_prompt_with_arguments", "arg1")
    def complete(value: str) -> list[str]:
        return [word for word in ("test-one", "test-two", "other") if word.startswith(value)]


def _prompts(server: McpServer) -> None:
    @server.prompt()
    def test_simple_prompt() -> str:
        """A prompt without arguments."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with two arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803
        """A prompt that brings a resource."""
        return [Message(_resource(resourceUri)), Message("Please read it.")]

    @server.prompt()
    def test_prompt_with_image() -> list[Message]:
        """A prompt that brings a picture."""
        return [Message(Image(PNG, "image/png")), Message("Please look at it.")]


def _resource(uri: str) -> EmbeddedResource:
    return EmbeddedResource(uri=uri, data="Embedded resource content.", mime_type="text/plain")
