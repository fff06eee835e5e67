"""A server with the tools and prompts that the conformance suite calls by name."""

import base64
from typing import Annotated

from pydantic import Field

from doorward.transport import Audio, EmbeddedResource, Image, McpServer, Message, Text, ToolError

# One red pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)


def everything() -> McpServer:
    """Return the server."""
    server = McpServer("everything", version="1.0", instructions="For tests.")
    _tools(server)
    _prompts(server)
    return server


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
