"""MCP over Streamable HTTP, in both eras: typed functions in, one ASGI endpoint out."""

from doorward.transport.content import Audio, EmbeddedResource, Image, Message, ResourceLink, Text
from doorward.transport.context import Context
from doorward.transport.questions import Elicit, Elicited, ListRoots, Root, Sample, Sampled
from doorward.transport.refusals import InternalFailure, MissingCapability, ToolError
from doorward.transport.server import McpServer

__all__ = [
    "Audio",
    "Context",
    "Elicit",
    "Elicited",
    "EmbeddedResource",
    "Image",
    "InternalFailure",
    "ListRoots",
    "McpServer",
    "Message",
    "MissingCapability",
    "ResourceLink",
    "Root",
    "Sample",
    "Sampled",
    "Text",
    "ToolError",
]
