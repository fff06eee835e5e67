"""Advertised tools in ``doorward.toml``: in front of an HTTP server, and of one that speaks stdio."""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.config import load
from doorward.config.service.running import RunningConfiguration, Service
from doorward.tokens import new_api_key
from doorward.tokens.api_keys.key_file import write_keys
from tests.gateway.stdio.stdio_servers import CHILD
from tests.net.tls_server import ok, saying, serving

POLICY = """
api_keys = "keys.json"
[mcp_servers.policy.tools]
echo = { scopes = ["mcp:tools"] }
whoami = { scopes = ["mcp:admin"], advertised = true }
progress = { scopes = ["mcp:admin"] }
log = { public = true }
"""
TOOLS = ("echo", "whoami", "progress", "log", "noise")


class _Caller:
    """Lists and calls at one service, with or without a key."""

    def __init__(self, app: Service, key: str) -> None:
        self._app = app
        self._key = key

    async def send(self, method: str, *, signed_in: bool, **params: Any) -> httpx2.Response:
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "MCP-Method": method,
        }
        if "name" in params:
            headers["MCP-Name"] = params["name"]
        if signed_in:
            headers["Authorization"] = f"Bearer {self._key}"
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        transport = httpx2.ASGITransport(app=self._app)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            return await client.post("http://localhost:8000/mcp", headers=headers, json=body)

    async def tools(self, *, signed_in: bool) -> set[str]:
        answer = await self.send("tools/list", signed_in=signed_in)
        return {one["name"] for one in answer.json()["result"]["tools"]}


@asynccontextmanager
async def service(folder: Path, server: str) -> AsyncIterator[_Caller]:
    file = folder / "doorward.toml"
    resource = 'resource = "http://localhost:8000/mcp"'
    file.write_text(f"[[mcp_servers]]\n{resource}\n{server}{POLICY}")
    key, kept = new_api_key(
        name="caller", now=time.time(), lifetime=600, scopes=frozenset({"mcp:tools"})
    )
    write_keys(folder / "keys.json", [kept])
    running = RunningConfiguration(load(file))
    await running.start()
    app = Service(running)
    try:
        yield _Caller(app, key)
    finally:
        await app.aclose()


@asynccontextmanager
async def http(folder: Path) -> AsyncIterator[_Caller]:
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
    listed = {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}
    said = saying(ok(json.dumps(listed).encode(), "Content-Type: application/json"))
    async with serving(said, None) as behind:
        upstream = f'upstream = "http://127.0.0.1:{behind.port}/inside"'
        async with service(folder, upstream) as found:
            yield found


@asynccontextmanager
async def stdio(folder: Path) -> AsyncIterator[_Caller]:
    async with service(folder, f'command = ["{sys.executable}", "{CHILD}"]') as found:
        yield found


@pytest.mark.parametrize("behind", [http, stdio])
async def test_lists_show_strangers_what_is_public_or_advertised_and_nothing_else(
    tmp_path: Path, behind: Any
) -> None:
    async with behind(tmp_path) as caller:
        stranger = await caller.tools(signed_in=False)
        signed_in = await caller.tools(signed_in=True)
        unsigned = await caller.send("tools/call", signed_in=False, name="whoami", arguments={})
        refused = await caller.send("tools/call", signed_in=True, name="whoami", arguments={})

    assert stranger == {"log", "whoami"}
    assert signed_in == {"log", "whoami", "echo"}
    assert (unsigned.status_code, refused.status_code) == (401, 403)
