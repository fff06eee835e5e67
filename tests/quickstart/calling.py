"""Calls to a quickstart server in this process, as a client of the newest revision sends them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

ORIGIN = "http://localhost:8000"
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@asynccontextmanager
async def serving(app: Any, origin: str = ORIGIN) -> AsyncIterator[httpx2.AsyncClient]:
    """Run the application's lifespan and give a client of it."""
    import asyncio

    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan"}, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    assert (await outgoing.get())["type"] == "lifespan.startup.complete"
    try:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=origin) as client:
            yield client
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        await task


async def call(
    client: httpx2.AsyncClient, token: str | None, tool: str, **arguments: Any
) -> httpx2.Response:
    """Call a tool."""
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": _META},
    }
    return await client.post("/mcp", json=body, headers=headers)


def result(answer: httpx2.Response) -> Any:
    """Return the structured content of an answer, which came as JSON or as one event."""
    assert answer.status_code == 200, answer.text
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        text = next(one[6:] for one in text.splitlines() if one.startswith("data: {"))
    return json.loads(text)["result"]["structuredContent"]
