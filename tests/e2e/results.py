"""The one value in a tool's result, however the client hands the result over."""

import json
from typing import Any

from mcp_types import CallToolResult, TextContent


def value_of(result: CallToolResult) -> Any:
    """
    Return the structured ``result`` of a tool call, or its first text read as JSON.

    Raises:
        RuntimeError: the tool answered with an error.
    """
    first = result.content[0] if result.content else None
    text = first.text if isinstance(first, TextContent) else ""
    if result.is_error:
        raise RuntimeError(f"the tool answered with an error: {text}")
    structured: Any = result.structured_content
    if isinstance(structured, dict) and set(structured) == {"result"}:
        return structured["result"]
    return structured if structured is not None else json.loads(text)
