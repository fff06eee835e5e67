"""``McpServer``: MCP over Streamable HTTP from typed functions. Not here: tokens and policy."""

from doorward.mcp_server.elicitation.input_requests import (
    Elicit,
    Elicited,
    ListRoots,
    Root,
    Sample,
    Sampled,
)
from doorward.mcp_server.elicitation.pending_pages import NotAsked, PendingPages
from doorward.mcp_server.elicitation.url_mode import ElicitedUrl, ElicitUrl, UrlElicitationRequired
from doorward.mcp_server.functions.context import Context
from doorward.mcp_server.refusals import InternalFailure, MissingCapability, ToolError
from doorward.mcp_server.schemas.content import (
    Audio,
    EmbeddedResource,
    Image,
    Message,
    ResourceLink,
    Text,
)
from doorward.mcp_server.server import McpServer

__all__ = [
    "Audio",
    "Context",
    "Elicit",
    "ElicitUrl",
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
    "PendingPages",
    "ResourceLink",
    "Root",
    "Sample",
    "Sampled",
    "Text",
    "ToolError",
    "UrlElicitationRequired",
]
