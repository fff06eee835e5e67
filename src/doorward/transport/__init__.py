"""MCP over Streamable HTTP, in both eras: typed functions in, one ASGI endpoint out."""

from doorward.transport.content import Audio, EmbeddedResource, Image, Message, ResourceLink, Text
from doorward.transport.context import Context
from doorward.transport.elicitations import Elicitations, NotAsked
from doorward.transport.questions import Elicit, Elicited, ListRoots, Root, Sample, Sampled
from doorward.transport.refusals import InternalFailure, MissingCapability, ToolError
from doorward.transport.server import McpServer
from doorward.transport.url_elicitation import ElicitedUrl, ElicitUrl, UrlElicitationRequired

__all__ = [
    "Audio",
    "Context",
    "Elicit",
    "ElicitUrl",
    "Elicitations",
    "Elicited",
    "ElicitedUrl",
    "EmbeddedResource",
    "Image",
    "InternalFailure",
    "ListRoots",
    "McpServer",
    "Message",
    "MissingCapability",
    "NotAsked",
    "ResourceLink",
    "Root",
    "Sample",
    "Sampled",
    "Text",
    "ToolError",
    "UrlElicitationRequired",
]
