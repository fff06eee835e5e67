"""MCP servers behind ``doorward serve``, for callers with an API key, and official clients of them."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from doorward.tokens import new_api_key
from doorward.tokens.api_keys.key_file import write_keys
from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService

Mode = Literal["legacy", "auto"]


class Served:
    """The address of each server, and the key of its caller."""

    def __init__(self, origin: str, key: str, service: RunningService) -> None:
        self.origin = origin
        self.key = key
        self.service = service

    @property
    def port(self) -> int:
        """Where the service listens."""
        return int(self.origin.rpartition(":")[2])

    @property
    def headers(self) -> dict[str, str]:
        """The key, as a header."""
        return {"Authorization": f"Bearer {self.key}"}

    @asynccontextmanager
    async def client(self, name: str, mode: Mode, **more: Any) -> AsyncIterator[Client]:
        """Connect the official client, with the key."""
        async with connected(f"{self.origin}/{name}", mode, self.headers, **more) as client:
            yield client


@contextmanager
def serving(
    folder: Path, servers: Mapping[str, str], *, host: str = "127.0.0.1"
) -> Iterator[Served]:
    """Serve ``servers``, whose values are the lines of their tables, from a file in ``folder``."""
    key, kept = new_api_key(
        name="caller", now=time.time(), lifetime=3600, scopes=frozenset({"mcp:tools"})
    )
    write_keys(folder / "keys.json", [kept])
    origin = f"http://{host}:{free_port()}"
    tables = "".join(
        f'[[mcp_servers]]\nresource = "{origin}/{name}"\napi_keys = "keys.json"\n{lines}\n'
        for name, lines in servers.items()
    )
    file = folder / "doorward.toml"
    file.write_text(f'listen = "127.0.0.1:{origin.rpartition(":")[2]}"\n{tables}')
    service = RunningService(file)
    try:
        yield Served(origin, key, service)
    finally:
        service.stop()


@asynccontextmanager
async def connected(
    url: str, mode: Mode, headers: Mapping[str, str] | None = None, **more: Any
) -> AsyncIterator[Client]:
    """Connect the official client to ``url``."""
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, **more) as client,
    ):
        yield client


async def described(client: Client) -> dict[str, Any]:
    """Return everything that a server tells about itself."""
    capabilities = client.server_capabilities
    found: dict[str, Any] = {"tools": (await client.list_tools()).tools}
    if capabilities.prompts is not None:
        found["prompts"] = (await client.list_prompts()).prompts
    if capabilities.resources is not None:
        found["resources"] = (await client.list_resources()).resources
        found["templates"] = (await client.list_resource_templates()).resource_templates
    return found
