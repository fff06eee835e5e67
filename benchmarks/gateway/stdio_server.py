"""The least MCP server over stdio: it has one tool."""

import json
import sys
from typing import Any


def _result(message: dict[str, Any]) -> dict[str, Any]:
    if message["method"] == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "bench", "version": "1"},
        }
    if message["method"] == "tools/list":
        return {"tools": [{"name": "add", "inputSchema": {"type": "object"}}]}
    if message["method"] == "tools/call":
        given = message["params"]["arguments"]
        return {"content": [{"type": "text", "text": str(given["a"] + given["b"])}]}
    return {}


def main() -> None:
    """Answer each request in turn, until the input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": _result(message)}
            sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
