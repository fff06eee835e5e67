"""MCP over Streamable HTTP, in both eras: typed functions in, one ASGI endpoint out."""

from doorward.transport.content import Audio, EmbeddedResource, Image, Message, ResourceLink, Text
from doorward.transport.refusals import ToolError
from doorward.transport.server import McpServer

__all__ = [
    "Audio",
    "EmbeddedResource",
    "Image",
    "McpServer",
    "Message",
    "ResourceLink",
    "Text",
    "ToolError",
]
