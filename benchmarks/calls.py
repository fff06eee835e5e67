"""The request that every server is asked, rendered to bytes before the clock starts."""

import json
from typing import NamedTuple

from benchmarks.scene import HOST

VERSION = "2026-07-28"
FIRST = 1_000_000


class Call(NamedTuple):
    """One HTTP request, the sum its answer must hold, and its JSON-RPC id."""

    request: bytes
    expected: bytes
    id: int


def call_add(number: int, token: str | None, *, host: str = HOST, path: str = "/mcp") -> Call:
    """
    Return ``tools/call`` of ``add`` with operands that no other ``number`` has.

    Spec: MCP 2026-07-28, Streamable HTTP, request headers
    """
    a, b = FIRST + number, 2 * FIRST + number
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {
                "name": "add",
                "arguments": {"a": a, "b": b},
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": VERSION,
                    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        },
        separators=(",", ":"),
    ).encode()
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {VERSION}",
        "Mcp-Method: tools/call",
        "Mcp-Name: add",
        f"Content-Length: {len(body)}",
    ]
    if token is not None:
        head.append(f"Authorization: Bearer {token}")
    request = "\r\n".join(head).encode() + b"\r\n\r\n" + body
    return Call(request, str(a + b).encode(), number)
