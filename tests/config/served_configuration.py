"""A served configuration in this process: API keys for its callers, and a server behind it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from doorward.config import load
from doorward.config.service.running import RunningConfiguration, Service
from doorward.tokens import new_api_key
from doorward.tokens.api_keys.key_file import write_keys
from tests.net.tls_server import Answer, Place, saying, serving

ORIGIN = "http://localhost:8000"
MCP = f"{ORIGIN}/mcp"
PONG = b'{"jsonrpc":"2.0","id":1,"result":{}}'


@dataclass
class Served:
    """A service, the file that it was made of, the server behind it, and a caller's API key."""

    service: Service
    file: Path
    behind: Place
    key: str

    async def ask(self, method: str = "POST", url: str = MCP, **more: Any) -> httpx2.Response:
        """Send a request, by default a ping with the key."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
            **more.pop("headers", {}),
        }
        if method == "POST":
            more.setdefault("json", {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        transport = httpx2.ASGITransport(app=self.service)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            return await client.request(method, url, headers=headers, **more)

    async def replace(self, *changes: tuple[str, str]) -> None:
        """Change the text of the file, and serve it."""
        text = self.file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)
        await self.service.replace(load(self.file))


def server(path: str, port: int, extra: str = "", origin: str = ORIGIN) -> str:
    """Return the tables of one MCP server that accepts API keys."""
    return f"""
[[mcp_servers]]
resource = "{origin}{path}"
upstream = "http://127.0.0.1:{port}/inside"
api_keys = "keys.json"
{extra}
[mcp_servers.policy.tools]
"*" = {{ scopes = ["mcp:tools"] }}
"""


@asynccontextmanager
async def serving_configuration(
    folder: Path, answer: Answer | bytes, *, extra: str = "", more: str = "", first: str = ""
) -> AsyncIterator[Served]:
    """Serve ``/mcp`` in front of ``answer``; ``more`` are further tables, ``first`` the top."""
    said = saying(answer) if isinstance(answer, bytes) else answer
    key, kept = new_api_key(
        name="caller", now=time.time(), lifetime=600, scopes=frozenset({"mcp:tools"})
    )
    write_keys(folder / "keys.json", [kept])
    async with serving(said, None) as behind:
        file = folder / "doorward.toml"
        file.write_text(
            f"{first}\n{server('/mcp', behind.port, extra)}\n{more.format(port=behind.port)}"
        )
        running = RunningConfiguration(load(file))
        await running.start()
        service = Service(running)
        try:
            yield Served(service, file, behind, key)
        finally:
            await service.aclose()


def reason_of(answer: httpx2.Response) -> str:
    """Return the reason code of a refusal, from the guard or from the gateway."""
    body = json.loads(answer.text)
    error = body["error"]
    return str(error["data"]["reason"] if isinstance(error, dict) else error)
