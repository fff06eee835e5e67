"""The first answers of step 2, and the shape of every answer, for steps 3 and 4."""

import inspect
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse, StreamingResponse

from doorward.mcp_server.functions.signature import read_signature
from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS, MODERN_VERSIONS, Envelope
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

__all__ = [
    "CACHEABLE",
    "greet",
    "listed_prompts",
    "listed_tools",
    "refuse",
    "reply",
    "streamed",
]

CACHEABLE = {"ttlMs": 60_000, "cacheScope": "public"}
_CAPABILITIES: dict[str, Any] = {"tools": {}, "prompts": {}}


def greet(asked: Envelope, version: str) -> dict[str, Any] | None:
    """Return what says who answers here, or `None` when something else was asked."""
    if asked.protocol_version is not None:
        offer = {"supportedVersions": MODERN_VERSIONS, "capabilities": _CAPABILITIES}
        return {**offer, **CACHEABLE} if asked.method == "server/discover" else None
    wanted = asked.params.get("protocolVersion")
    spoken = wanted if wanted in LEGACY_VERSIONS else LEGACY_VERSIONS[-1]
    begin = {"protocolVersion": spoken, "capabilities": _CAPABILITIES, "serverInfo": _info(version)}
    return {"initialize": begin, "ping": {}}.get(asked.method)


def listed_tools(tools: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return the list of tools, as step 3 makes it by hand."""
    listed = [
        {
            "name": name,
            "description": inspect.getdoc(one),
            "inputSchema": read_signature(one).schema,
        }
        for name, one in tools.items()
    ]
    return {"tools": listed, **CACHEABLE}


def listed_prompts(prompts: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return the list of prompts: the names of their arguments, for every value is a text."""
    listed = []
    for name, one in prompts.items():
        schema = read_signature(one).schema
        required = schema.get("required", [])
        arguments = [{"name": one, "required": one in required} for one in schema["properties"]]
        listed.append({"name": name, "description": inspect.getdoc(one), "arguments": arguments})
    return {"prompts": listed, **CACHEABLE}


def message(asked: Envelope, result: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return the response with this result, as its era writes it."""
    if asked.protocol_version is not None:
        meta = {"io.modelcontextprotocol/serverInfo": _info(version)}
        result = {"resultType": "complete", "_meta": meta, **result}
    elif "ttlMs" in result:
        result = {name: value for name, value in result.items() if name not in CACHEABLE}
    return {"jsonrpc": "2.0", "id": asked.id, "result": result}


def reply(asked: Envelope, result: Mapping[str, Any], version: str) -> Response:
    """Return the whole answer."""
    return JSONResponse(message(asked, result, version))


def streamed(asked: Envelope, told: AsyncIterator[dict[str, Any]], version: str) -> Response:
    """Return an answer as a stream: the progress of a tool, and last the response."""

    async def events() -> AsyncIterator[str]:
        token = asked.params["_meta"]["progressToken"]
        async for one in told:
            said = message(asked, one, version)
            if "progress" in one:
                params = {"progressToken": token, **one}
                said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            yield f"event: message\ndata: {json.dumps(said)}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def refuse(asked: Envelope, refusal: ProtocolRefusal) -> Response:
    """Return the error; the clients of the older era read 404 as "your session is over"."""
    error = {"code": refusal.jsonrpc_code, "message": refusal.message}
    status = 200 if asked.protocol_version is None else refusal.status
    return JSONResponse({"jsonrpc": "2.0", "id": asked.id, "error": error}, status)


def _info(version: str) -> dict[str, str]:
    return {"name": "mcp-step-by-step", "version": version}
