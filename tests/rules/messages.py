"""MCP messages and their headers, as a conforming client sends them."""

import json
from collections.abc import Mapping
from typing import Any

from doorward.wire.jsonrpc.routing_headers import encode_name
from tests.rules.asgi import Request

NEWEST = "2026-07-28"
VERSIONS = (NEWEST, "2025-11-25", "2025-06-18", "2025-03-26")
_META = {
    "io.modelcontextprotocol/protocolVersion": NEWEST,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def message(method: str, params: Mapping[str, Any], *, version: str = NEWEST) -> dict[str, Any]:
    """Return the message of a request that a client of this version sends."""
    meta = {"_meta": {**_META, **params.get("_meta", {})}} if version == NEWEST else {}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, **meta}}


def headers_of(
    token: bytes, method: str, params: Mapping[str, Any], *, version: str = NEWEST
) -> dict[bytes, bytes]:
    """Return the headers of a request that a client of this version sends."""
    found = {
        b"authorization": b"Bearer " + token,
        b"content-type": b"application/json",
        b"accept": b"application/json, text/event-stream",
        b"mcp-protocol-version": version.encode(),
    }
    name = params.get("name", params.get("uri"))
    if version == NEWEST:
        found[b"mcp-method"] = method.encode("utf-8", "replace")
        named = method in ("tools/call", "prompts/get", "resources/read")
        if named and isinstance(name, str):
            found[b"mcp-name"] = encode_name(name).encode("latin-1", "replace")
    return found


def conforming(token: bytes, method: str, params: Mapping[str, Any]) -> Request:
    """Return a request as a conforming client of the newest version sends it."""
    return Request(
        json.dumps(message(method, params)).encode(),
        tuple(headers_of(token, method, params).items()),
        ends=method != "subscriptions/listen",
    )
